def through_the_ledger(w, s):
    return []
