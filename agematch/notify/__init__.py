"""The one room that sends: a digest of counts by mail or webhook, and only where the settings say so."""
