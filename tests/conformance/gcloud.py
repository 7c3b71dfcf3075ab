"""Reads files for Cloud Run with the reader of an installed gcloud, as `gcloud run … replace` does.

Usage: gcloud.py LIBRARY FILE...
LIBRARY is the folder `lib` of the Google Cloud SDK. Prints one line a file; exits 1 when one is refused.
"""

import sys

LIBRARY = sys.argv[1]
sys.path[:0] = [LIBRARY, LIBRARY + "/third_party"]

from googlecloudsdk.api_lib.util import messages  # noqa: E402
from googlecloudsdk.core import yaml  # noqa: E402
from googlecloudsdk.generated_clients.apis.run.v1 import run_v1_messages  # noqa: E402


def main():
    refused = 0
    for name in sys.argv[2:]:
        try:
            document = yaml.load_path(name)
            kind = getattr(run_v1_messages, document["kind"])
            messages.DictToMessageWithErrorCheck(document, kind)
            print(f"accepted {name}")
        except Exception as error:  # whatever the reader says is the result
            refused += 1
            print(f"refused {name}: {error}")
    sys.exit(1 if refused else 0)


main()
