"""Checks an OpenAPI document: check_openapi.py FILE. Prints every fault; exits with 1 when there is one."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator


def main(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    faults = list(OpenAPIV31SpecValidator(document).iter_errors())
    for fault in faults:
        place = "/".join(str(part) for part in fault.absolute_path)
        print(f"{place}: {fault.message[:500]}")
    if not faults:
        print(f"valid: {len(document['paths'])} paths")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
