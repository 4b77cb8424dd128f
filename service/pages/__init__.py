"""The pages for people: from the state in a URL to HTML."""
