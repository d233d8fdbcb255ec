"""What the tests share: the language of scenarios, installations, waiting."""
