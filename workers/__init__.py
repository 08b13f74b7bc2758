"""The processes of Slugline: thin loops that take records from the ledger, hand them to a stage and write back."""
