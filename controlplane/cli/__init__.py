"""Commands that need the server's libraries; listed in aicr.cli.main."""
