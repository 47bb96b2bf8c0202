/* The floor: what send() alone costs. Told what to do as all servers of this benchmark are, in lines on stdin:
 *
 *   push N SIZE   N times: one message of SIZE bytes to each connection
 *   join N SIZE   N times: to each connection a message of its own, copied together from FRAGMENTS fragments
 *
 * Each connection gets a first message of FIRST bytes when it is accepted.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 100000
#define MAX_SIZE 65536
#define CACHED 1000
#define FRAGMENTS 5
#define FIRST 99

static int connections[MAX_CONNECTIONS];
static int choices[MAX_CONNECTIONS][FRAGMENTS];
static int open_connections;
static char cache[CACHED][MAX_SIZE / FRAGMENTS / 16];
static char message[MAX_SIZE];

static void fail(const char *what) {
    printf("{\"error\": \"%s\"}\n", what);
    fflush(stdout);
    exit(1);
}

static void send_all(int connection, size_t size) {
    for (size_t sent = 0; sent < size;) {
        ssize_t count = send(connection, message + sent, size - sent, MSG_NOSIGNAL);
        if (count < 0) fail("send failed");
        sent += (size_t)count;
    }
}

static void take_connection(int listening) {
    int one = 1, connection = accept(listening, NULL, NULL);
    if (connection < 0 || open_connections == MAX_CONNECTIONS) fail("accept failed");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (int i = 0; i < FRAGMENTS; i++) choices[open_connections][i] = rand() % CACHED;
    connections[open_connections++] = connection;
    send_all(connection, FIRST);
}

static void copy_fragments(const int *chosen, size_t size) {
    size_t each = size / FRAGMENTS;
    for (int i = 0; i < FRAGMENTS; i++) memcpy(message + (size_t)i * each, cache[chosen[i]], each);
}

static void obey(const char *line) {
    char command[16];
    int times;
    size_t size;
    if (sscanf(line, "%15s %d %zu", command, &times, &size) != 3 || size > sizeof cache[0] * FRAGMENTS) {
        fail("bad command");
    }
    int joins = strcmp(command, "join") == 0;
    for (int round = 0; round < times; round++) {
        for (int i = 0; i < open_connections; i++) {
            if (joins) copy_fragments(choices[i], size);
            send_all(connections[i], size);
        }
    }
    printf("{}\n");
    fflush(stdout);
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&address, length) || listen(listening, 1024)) fail("cannot listen");
    getsockname(listening, (struct sockaddr *)&address, &length);
    printf("{\"plain\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd watched[] = {{.fd = listening, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    char line[128];
    setvbuf(stdin, NULL, _IONBF, 0); /* what is in a buffer is not seen by poll */
    while (poll(watched, 2, -1) > 0) {
        if (watched[0].revents & POLLIN) take_connection(listening);
        if (watched[1].revents & (POLLIN | POLLHUP)) {
            if (fgets(line, sizeof line, stdin) == NULL) return 0;
            obey(line);
        }
    }
    return 1;
}
