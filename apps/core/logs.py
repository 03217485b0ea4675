"""What logs must not repeat."""

import logging


class TypedAddresses(logging.Filter):
    """Puts a request's route in place of its address, which somebody may have typed a name into."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        path = getattr(request, "path", None)
        if path is not None and isinstance(record.args, tuple):
            match = getattr(request, "resolver_match", None)
            route = f"/{match.route}" if match else "(an address that nobody has)"
            place = f"{route} [{getattr(request, 'request_id', '')}]"
            record.args = tuple(place if argument == path else argument for argument in record.args)
        return True
