"""What is published, installed where nothing else is."""
