"""The peer of the benchmark `http`: one request of the server's, done as it is commonly done in Python.

GET /api/v3/workflows/executions/{id} checks the same token as the server (HS256, issuer, audience, expiry) and answers
the same JSON, which it finds in one row of SQLite. The row holds the JSON as text, so that nothing has to be put
together here. Run by uvicorn with PEER_DATABASE and PEER_SECRET; `python bench_peer.py ID WORKSPACE FILE` makes the
database from the JSON in a file.
"""

import os
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

SECRET = os.environ["PEER_SECRET"]
SERVICE = "cognitionos"
database = sqlite3.connect(os.environ["PEER_DATABASE"], check_same_thread=False)
app = FastAPI(openapi_url=None)


async def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict:
    try:
        return jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], audience=SERVICE, issuer=SERVICE)
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error


@app.get("/api/v3/workflows/executions/{execution_id}")
async def execution(execution_id: str, caller: Annotated[dict, Depends(claims)]) -> Response:
    row = database.execute(
        "SELECT body FROM executions WHERE id = ? AND workspace_id = ?", (execution_id, caller["ws"])
    ).fetchone()
    if row is None:
        raise HTTPException(404)
    return Response(row[0], media_type="application/json")


if __name__ == "__main__":
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE executions (id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, body TEXT NOT NULL)")
    database.execute("INSERT INTO executions VALUES (?, ?, ?)", (sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text(encoding="utf-8")))
    database.commit()
