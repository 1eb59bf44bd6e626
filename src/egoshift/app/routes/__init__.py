"""What the server answers, by the path of the request."""
