"""What Slugline knows, in the order an article travels. No process loops live here; those are in `workers`."""
