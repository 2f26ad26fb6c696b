"""What the nouns decide, told as given, when and then."""
