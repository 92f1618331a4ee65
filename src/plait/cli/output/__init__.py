"""What a person or a program reads: subscribers of the event stream, and prompts."""
