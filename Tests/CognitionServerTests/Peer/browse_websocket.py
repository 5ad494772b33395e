"""Uses the page to inspect the WebSocket in headless Chromium: browse_websocket.py CHROMIUM BASE EMAIL PASSWORD FOLDER.

Prints one JSON object of what was seen. Pictures are left in FOLDER.
"""

import asyncio
import json
import sys
import urllib.request

from browse_docs import TYPE, with_page

WORKFLOW = """
document: {dsl: '1.0.0', namespace: default, name: inspected, version: '1.0.0'}
do:
  - all:
      for: {each: number, in: '${ [range(30)] }'}
      do:
        - nap: {wait: PT0.1S}
"""


def ask(base, path, token=None, body=None, kind="application/json"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}/api/v3/{path}", data, {"Content-Type": kind})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def rows(kind):
    return f"[...document.querySelectorAll('#list .k-{kind}')]"


async def key(page, text):
    await page.run(f"document.activeElement.blur?.(); document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(text)}, bubbles: true}}))")


async def use(page, base, email, password, folder):
    seen = {}
    token = ask(base, "auth/login", body={"email": email, "password": password})["access_token"]
    ask(base, "workflows", token, WORKFLOW.encode(), "application/yaml")
    execution = ask(base, "workflows/execute", token, {"workflow_id": "inspected"})["execution_id"]

    await page.call("Page.navigate", url=f"{base}/ws/test#execution_id={execution}")
    await page.wait("document.readyState === 'complete' && !!document.getElementById('login')")
    await page.run(TYPE + "undefined")
    seen["target"] = await page.run("document.getElementById('target').value") == execution
    await page.run("document.querySelector('details.more').open = true")
    await page.run(f"type(document.getElementById('email'), {json.dumps(email)})")
    await page.run(f"type(document.getElementById('password'), {json.dumps(password)})")
    await page.run("document.getElementById('login').requestSubmit()")
    await page.wait("document.getElementById('token').value.length > 20")
    await page.run("document.querySelector('details.more').open = false")
    await page.run("document.getElementById('connect').requestSubmit()")
    await page.wait(f"{rows('connected')}.length > 0")
    seen["state"] = await page.run("document.getElementById('state').textContent")

    # What an execution does, from its start.
    await page.run("document.getElementById('from-start').click()")
    await page.wait(f"{rows('workflow_status')}.length > 8")
    await page.run("document.querySelector('[data-action=ping]').click()")
    seen["rtt"] = await page.wait("(t => t.endsWith('ms') && t)(document.getElementById('rtt').textContent)")
    await page.picture(f"{folder}/websocket-light.png")

    # Broken off while it runs: it comes back by itself and misses nothing.
    await page.run("document.getElementById('drop').click()")
    await page.wait(f"{rows('close')}.length > 0")
    await page.wait("document.querySelector('#subscriptions .tag.good')?.textContent === 'yes'")
    await page.wait("/completed 100 %/.test(document.getElementById('subscriptions').textContent)", 30)
    # Each goes on from where the subscription before it said.
    seen["offsets"] = await page.run("""(() => {
        let last = -1
        return [...document.querySelectorAll('#list .in')].every((row) => {
            const offset = Number(row.querySelector('.o').textContent || -1)
            if (row.classList.contains('k-subscribed')) last = offset
            if (!row.classList.contains('k-workflow_status')) return true
            const isNext = offset > last
            last = offset
            return isNext
        })
    })()""")
    offsets = f"{rows('workflow_status')}.map((row) => row.querySelector('.o').textContent)"
    told = await page.run(f"new Set({offsets}).size")
    count = await page.run(f"({offsets}).length")

    # Again from the beginning.
    await page.run("document.querySelector('#subscriptions button').click()")
    seen["replayed"] = await page.wait(f"({offsets}).length === {count + told}")

    # A room, as far as the server has any; what it says to a refusal is shown.
    await page.run("type(document.getElementById('publish-room'), 'hall'); type(document.getElementById('content'), 'hello')")
    await page.run("document.getElementById('publish').requestSubmit()")
    await page.wait("document.getElementById('room-note').textContent.length > 0")
    seen["sent"] = await page.wait(f"{rows('publish')}.length")

    # Filter, direction, pause, keys.
    await page.run("type(document.getElementById('filter'), 'workflow_status -task.started')")
    await page.wait(f"{rows('pong')}.length === 0 && {rows('workflow_status')}.length > 0")
    seen["filtered"] = await page.run(f"{rows('workflow_status')}.every((row) => !row.textContent.includes('task.started'))")
    await page.run("type(document.getElementById('filter'), ''); document.getElementById('show-in').click()")
    await page.wait("document.querySelectorAll('#list .in').length === 0 && document.querySelectorAll('#list .out').length > 0")
    await page.run("document.getElementById('show-in').click()")
    await key(page, "p")
    before = await page.run("document.querySelectorAll('#list li').length")
    await page.run("document.querySelector('[data-action=get_stats]').click()")
    await page.wait("/2 new/.test(document.getElementById('pause').textContent)")
    seen["paused"] = await page.run("document.querySelectorAll('#list li').length") == before
    await key(page, "p")
    await page.wait(f"{rows('stats')}.length > 0")
    await key(page, "/")
    seen["filter_key"] = await page.run("document.activeElement.id === 'filter'")
    await page.run("document.activeElement.blur()")
    await key(page, "ArrowUp")
    await key(page, "?")
    seen["help"] = await page.run("document.getElementById('keys').open")
    await page.run("document.getElementById('keys').close()")
    await page.run(f"{rows('stats')}[0].querySelector('summary').click()")
    seen["whole"] = await page.wait(f"{rows('stats')}[0].querySelector('pre')?.textContent.includes('active_subscriptions')")

    # Lines to copy name what is watched, and never the token.
    seen["lines"] = []
    for tab in ("wscat", "curl", "javascript", "python"):
        await page.run(f"document.querySelector('[data-tab={tab}]').click()")
        text = await page.run("document.getElementById('code').textContent")
        seen["lines"].append(execution in text and token[:20] not in text)
    seen["token_shown"] = await page.run(f"document.body.innerText.includes({json.dumps(token[:30])})")
    # Everything that can be used has a name.
    seen["nameless"] = await page.run(
        "[...document.querySelectorAll('button, input, textarea, select')].filter((one) => !(one.textContent.trim() || "
        "one.labels?.length || one.ariaLabel || one.title)).map((one) => one.outerHTML)")
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    await page.picture(f"{folder}/websocket-dark.png")
    await page.call("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=True)
    seen["fits"] = await page.run("document.documentElement.scrollWidth <= 420")
    await page.picture(f"{folder}/websocket-narrow.png")
    seen["elsewhere"] = sorted(url for url in page.asked if not url.startswith((base + "/", "data:")))
    seen["complaints"] = page.complaints
    return seen


if __name__ == "__main__":
    chromium, base, email, password, folder = sys.argv[1:]
    asyncio.run(with_page(chromium, folder, lambda page: use(page, base, email, password, folder), "1440,1100"))
