"""What the commands are told: environment variables `TICKER_*`, over which command line flags win."""

from ticker_server.settings.deployment import Deployment
from ticker_server.settings.importing import ImportSettings
from ticker_server.settings.loading import SettingsError
from ticker_server.settings.serving import Settings, Transport
from ticker_server.settings.syncing import SyncSettings

__all__ = ["Deployment", "ImportSettings", "Settings", "SettingsError", "SyncSettings", "Transport"]
