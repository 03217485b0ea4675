"""`DATABASES["default"]["ENGINE"]`: no statement is sent before the session's organisation is that of the caller.

A connection outlives requests, and a pool hands it from thread to thread, so what an earlier one set is never trusted.
"""

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from apps.core.tenancy import SETTING, current_organisation


class DatabaseWrapper(base.DatabaseWrapper):
    """Names the organisation to PostgreSQL when it is another one than the session's: one statement a change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the session holds; None: not known, for it is new, or a rollback has brought an older value back.
        self._named: str | None = None
        self._is_rolling_back = False
        self.execute_wrappers.append(self._name_organisation)

    def _name_organisation(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        wanted = current_organisation()
        if wanted != self._named and not self._is_rolling_back:
            self.validate_no_broken_transaction()
            # A cursor of its own: the caller's may stand for a result on the server.
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, %s, false)", [SETTING, wanted])
            self._named = wanted
        return execute(sql, params, many, context)

    def get_new_connection(self, conn_params: Any) -> Any:
        self._named = None
        return super().get_new_connection(conn_params)

    def _commit(self) -> None:
        # PostgreSQL answers COMMIT with a rollback when a statement of the transaction has failed.
        if (
            self.connection is not None
            and self.connection.info.transaction_status == TransactionStatus.INERROR
        ):
            self._named = None
        super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._named = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        self._named = None
        # The only statement that a failed transaction takes; it reads no rows.
        self._is_rolling_back = True
        try:
            super()._savepoint_rollback(sid)  # type: ignore[misc]
        finally:
            self._is_rolling_back = False
