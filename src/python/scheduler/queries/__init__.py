"""The read side: objects made for pages, the API and the commands."""
