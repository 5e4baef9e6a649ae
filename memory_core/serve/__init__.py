"""What people and programs outside Python use: the command line, and servers."""
