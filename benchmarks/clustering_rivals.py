def methods():
    return {}


def missing():
    return []
