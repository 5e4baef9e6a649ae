"""What the memory finds: published and own question sets, asked through the public face."""
