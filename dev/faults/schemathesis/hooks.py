"""Who schemathesis is: somebody who is signed in, and another for what signs out."""

import os

import requests
import schemathesis

NUMBERS = os.environ.get("CONTRACT_NUMBERS", "").split(",")
PASSWORD = os.environ.get("CONTRACT_PASSWORD", "")
BASE_URL = os.environ.get("CONTRACT_BASE_URL", "")


# Ids that were seen in answers are tried, those of sessions too.
SIGNING_OUT = {"/api/auth/logout", "/api/auth/sessions/{id}"}


def sign_in(number: str) -> str:
    """A token of the account known by `number`."""
    body = {"mobile_number": number, "password": PASSWORD}
    answer = requests.post(f"{BASE_URL}/api/auth/login", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()["token"]


if PASSWORD:
    signed_in = sign_in(NUMBERS[0])

    @schemathesis.auth(refresh_interval=None)
    class Token:
        """The token of each request."""

        def get(self, case, context):
            """A new one for whoever signs out, so that the next request of theirs is let in."""
            if context.operation.path in SIGNING_OUT:
                return sign_in(NUMBERS[1])
            return signed_in

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"
