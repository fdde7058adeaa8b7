"""Notifications: what people must hear of, to Slack, Teams, mail and a webhook of their own."""
