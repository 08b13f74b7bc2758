"""What other systems are told: the events, each declared once, and how they read outside."""
