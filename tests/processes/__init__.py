"""What the company does by itself."""
