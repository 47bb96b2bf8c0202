"""The transports: what carries requests to the servicers and their answers back."""
