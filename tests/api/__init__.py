"""The doors, asked as clients ask them."""
