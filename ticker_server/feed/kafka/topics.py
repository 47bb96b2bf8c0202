"""The topics of a deployment: what they must be like, made where they are missing, refused where they differ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from ticker_server.errors import CannotStart, PriceLogUnavailable
from ticker_server.feed.kafka.connection import KafkaConnection

__all__ = ["TopicPlan", "TopicsUnusable", "change_topic", "ensure_topics", "price_topic"]

_LIMIT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_REPLICAS = 3
_WEEK_MS = 7 * 24 * 3600 * 1000
_NEVER_HEALS = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError._AUTHENTICATION,  # noqa: SLF001  # public by its documentation
    }
)

_log = structlog.get_logger(__name__)


class TopicsUnusable(CannotStart):
    """A topic is there but not as it has to be, or may not be made; waiting does not cure it."""

    reason = "PRICE_LOG_UNUSABLE"
    exit_code = 5


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as this server makes it. `fixed` are the settings that it has to have, also if another made it."""

    name: str
    partitions: int
    config: Mapping[str, str]
    fixed: Sequence[str] = field(default=("cleanup.policy",))


def price_topic(prefix: str, partitions: int) -> TopicPlan:
    """Return the plan of the price log: kept for 7 days, each record with the broker's time."""
    config = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(_WEEK_MS),
        "unclean.leader.election.enable": "false",
    }
    return TopicPlan(f"{prefix}.prices", partitions, config, ("cleanup.policy", "message.timestamp.type"))


def change_topic(prefix: str, partitions: int) -> TopicPlan:
    """Return the plan of the catalog's changes: compacted, so that the latest of each key stays."""
    config = {"cleanup.policy": "compact", "unclean.leader.election.enable": "false"}
    return TopicPlan(f"{prefix}.subscriptions", partitions, config)


async def ensure_topics(connection: KafkaConnection, plans: Sequence[TopicPlan]) -> None:
    """Make the topics that are missing, and check the others.

    A topic with more partitions than planned is told as an error in the log and used all the same: what ticks live in
    is the first of them.

    Raises:
        PriceLogUnavailable: Kafka does not answer.
        TopicsUnusable: A topic has fewer partitions or other settings, or may not be made or looked at.
    """
    await asyncio.to_thread(_ensure, connection, plans)


def _ensure(connection: KafkaConnection, plans: Sequence[TopicPlan]) -> None:
    """Do it, in a thread: librdkafka's answers are waited for. The client ends with this function."""
    complaints: list[str] = []
    options: dict[str, Any] = {
        **connection.admin_options(),
        "log_level": 0,  # librdkafka writes to stderr past every log setting; its complaints are in our errors
        "error_cb": lambda error: complaints.append(error.str()),
    }
    admin = AdminClient(options)
    try:
        cluster = admin.list_topics(timeout=_LIMIT_SECONDS)
        there = {name: topic for name, topic in cluster.topics.items() if topic.error is None}
        missing = [plan for plan in plans if plan.name not in there]
        _create(admin, missing, len(cluster.brokers))
        found = [plan for plan in plans if plan.name in there]
        for plan in found:
            _check_partitions(plan, len(there[plan.name].partitions))
        _check_settings(admin, found)
    except KafkaException as error:
        kafka_error = error.args[0]
        text = "; ".join(dict.fromkeys([kafka_error.str(), *complaints]))
        if kafka_error.code() in _NEVER_HEALS:
            raise TopicsUnusable(f"Kafka refuses: {text}") from error
        raise PriceLogUnavailable(f"Kafka at {connection.bootstrap_servers} does not answer: {text}") from error


def _create(admin: AdminClient, plans: Sequence[TopicPlan], brokers: int) -> None:
    if not plans:
        return
    replicas = min(_REPLICAS, brokers)
    durable = {"min.insync.replicas": "2"} if replicas == _REPLICAS else {}
    topics = [NewTopic(plan.name, plan.partitions, replicas, config={**plan.config, **durable}) for plan in plans]
    made = admin.create_topics(topics, operation_timeout=_LIMIT_SECONDS, request_timeout=_LIMIT_SECONDS)
    for name, future in made.items():
        try:
            future.result(timeout=2 * _LIMIT_SECONDS)
            _log.info("topic made", topic=name, replicas=replicas)
        except KafkaException as error:
            # Another process that starts just now was faster.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_for(admin, {plan.name for plan in plans})


def _wait_for(admin: AdminClient, names: set[str]) -> None:
    """Wait until brokers tell of topics that the controller has made."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        known = admin.list_topics(timeout=_LIMIT_SECONDS).topics
        if all(name in known and known[name].error is None for name in names):
            return
        if time.monotonic() > deadline:
            raise PriceLogUnavailable(f"topics {', '.join(sorted(names))} were made, but brokers do not tell of them")
        time.sleep(_POLL_SECONDS)


def _check_partitions(plan: TopicPlan, partitions: int) -> None:
    if partitions < plan.partitions:
        raise TopicsUnusable(
            f"topic {plan.name} has {partitions} partitions, but TICKER_KAFKA_PARTITIONS is {plan.partitions}; "
            "a topic's partitions can be added to, but what is in it keeps its place: make it anew, or set "
            f"TICKER_KAFKA_PARTITIONS={partitions}"
        )
    if partitions > plan.partitions:
        _log.error("topic has more partitions than are used", topic=plan.name, has=partitions, used=plan.partitions)


def _check_settings(admin: AdminClient, plans: Sequence[TopicPlan]) -> None:
    if not plans:
        return
    resources = [ConfigResource(ResourceType.TOPIC, plan.name) for plan in plans]
    answers = admin.describe_configs(resources, request_timeout=_LIMIT_SECONDS)
    by_name = {resource.name: future.result(timeout=2 * _LIMIT_SECONDS) for resource, future in answers.items()}
    for plan in plans:
        for setting in plan.fixed:
            found, needed = by_name[plan.name][setting].value, plan.config[setting]
            if found != needed:
                raise TopicsUnusable(f"topic {plan.name} has {setting}={found}, but it must be {needed}")
