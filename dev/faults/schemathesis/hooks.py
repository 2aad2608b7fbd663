"""Signs schemathesis in: as one user, and as another on the routes that sign out."""

import os

import requests
import schemathesis

NUMBERS = os.environ.get("CONTRACT_NUMBERS", "").split(",")
PASSWORD = os.environ.get("CONTRACT_PASSWORD", "")
BASE_URL = os.environ.get("CONTRACT_BASE_URL", "")


# schemathesis reuses ids from responses, those of sessions included.
SIGNING_OUT = {"/api/auth/logout", "/api/auth/sessions/{id}"}


def sign_in(number: str) -> str:
    """An access token of the account with `number`."""
    body = {"mobile_number": number, "password": PASSWORD}
    response = requests.post(f"{BASE_URL}/api/auth/login", json=body, timeout=30)
    response.raise_for_status()
    return response.json()["token"]


if PASSWORD:
    signed_in = sign_in(NUMBERS[0])

    @schemathesis.auth(refresh_interval=None)
    class Token:
        """The token of each request."""

        def get(self, case, context):
            """The token of a new session on routes that sign out, so that the next request is authenticated."""
            if context.operation.path in SIGNING_OUT:
                return sign_in(NUMBERS[1])
            return signed_in

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps the passwords of the accounts. schemathesis reuses the numbers and codes of responses, and
    a reset with both would end all sessions."""
    if case.operation.path == "/api/auth/reset-password" and isinstance(case.body, dict):
        digits = "".join(c for c in str(case.body.get("mobile_number")) if c.isdigit())
        if any(number and digits.endswith(number.lstrip("+")) for number in NUMBERS):
            case.body["mobile_number"] = "+4915100000000"
