"""Uses the documentation's pages in headless Chromium: browse_docs.py CHROMIUM BASE EMAIL PASSWORD FOLDER.

Prints one JSON object of what was seen. Pictures are left in FOLDER. Talks to the browser in its own protocol (Chrome
DevTools), which needs nothing but a WebSocket client.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time

import websockets


class Page:
    """One tab. Every address that it asks for is noted, and every complaint of its console."""

    def __init__(self, socket):
        self.socket, self.last, self.answers = socket, 0, {}
        self.asked, self.complaints = set(), []
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message:
                self.answers.pop(message["id"]).set_result(message)
            elif message["method"] == "Network.requestWillBeSent":
                self.asked.add(message["params"]["request"]["url"])
            elif message["method"] == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(message["params"]["exceptionDetails"])[:500])
            elif message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.complaints.append(message["params"]["entry"]["text"])

    async def call(self, method, **parameters):
        self.last += 1
        answer = self.answers[self.last] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": self.last, "method": method, "params": parameters}))
        message = await asyncio.wait_for(answer, 20)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    async def run(self, script):
        """The value of an expression, awaited."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:800])
        return result["result"].get("value")

    async def wait(self, script, seconds=15):
        """Asks until the expression has a value that counts."""
        end = time.monotonic() + seconds
        while True:
            value = await self.run(script)
            if value:
                return value
            if time.monotonic() > end:
                raise RuntimeError(f"never so: {script}")
            await asyncio.sleep(0.05)

    async def picture(self, path):
        image = await self.call("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(image["data"]))


# Types into a field as a person would, so that the page hears of it.
TYPE = """
function type(input, text) {
    input.focus(); input.value = text;
    input.dispatchEvent(new Event("input", {bubbles: true}));
}
function operation(id) {
    const node = document.getElementById(id);
    node.open = true;
    node.scrollIntoView({behavior: "instant"});
    return node;
}
function button(node, text) { return [...node.querySelectorAll("button")].find((one) => one.textContent.startsWith(text)); }
"""


async def use(page, base, email, password, folder):
    seen = {}
    await page.call("Page.navigate", url=f"{base}/docs")
    await page.wait("document.querySelectorAll('.operation').length > 20")
    await page.run(TYPE + "undefined")
    seen["title"] = await page.run("document.title")
    seen["operations"] = await page.run("document.querySelectorAll('.operation').length")

    # Without a token: the page shows the refusal.
    await page.run("operation('get_auth_me'); undefined")
    await page.wait("!!button(operation('get_auth_me'), 'Send')")
    await page.run("button(operation('get_auth_me'), 'Send').click()")
    seen["before"] = await page.wait("operation('get_auth_me').querySelector('.outcome .status')?.textContent")

    # Logged in by the form.
    await page.run("document.querySelector('#page-session').open = true")
    await page.run(f"type(document.querySelector('#page-session input[type=email]'), {json.dumps(email)})")
    await page.run(f"type(document.querySelector('#page-session input[autocomplete=current-password]'), {json.dumps(password)})")
    await page.run("document.querySelector('#page-session form').requestSubmit()")
    seen["session"] = await page.wait("/min left/.test(document.querySelector('#page-session summary').textContent) && "
                                      "document.querySelector('#page-session summary').textContent")
    await page.run("button(operation('get_auth_me'), 'Send').click()")
    seen["after"] = await page.wait("(t => t?.startsWith('200') && t)(operation('get_auth_me').querySelector('.outcome .status')?.textContent)")
    seen["shows_email"] = await page.wait(f"operation('get_auth_me').querySelector('.answer').textContent.includes({json.dumps(email)})")
    await page.picture(f"{folder}/docs.png")

    # A body: a workspace is made.
    await page.run("operation('post_workspaces'); undefined")
    await page.wait("!!button(operation('post_workspaces'), 'Send')")
    name = f"made-in-docs-{int(time.time() * 1000)}"
    body = json.dumps({"name": name})
    await page.run(f"(n => {{ button(n, 'Text').click(); type(n.querySelector('textarea'), {json.dumps(body)}); "
                   "button(n, 'Send').click(); })(operation('post_workspaces'))")
    seen["made"] = await page.wait("operation('post_workspaces').querySelector('.outcome .status')?.textContent")
    seen["shows_name"] = await page.wait(f"operation('post_workspaces').querySelector('.answer').textContent.includes({json.dumps(name)})")
    await page.picture(f"{folder}/docs-body.png")

    await page.run("type(document.querySelector('#page-search'), 'cancel execution')")
    seen["found"] = await page.wait("[...document.querySelectorAll('.operation')].filter((one) => !one.hidden).length")

    # The reference.
    await page.call("Page.navigate", url=f"{base}/redoc")
    await page.wait("(document.body || {innerText: ''}).innerText.includes('/api/v3/workflows/execute')")
    seen["reference"] = await page.run("(document.body || {innerText: ''}).innerText.length")
    await page.picture(f"{folder}/redoc.png")

    # The page to try WebSockets.
    await page.call("Page.navigate", url=f"{base}/ws/test")
    await page.wait("document.readyState === 'complete'")
    await page.picture(f"{folder}/websocket.png")
    own = (base + "/", "data:")
    seen["elsewhere"] = sorted(url for url in page.asked if not url.startswith(own))
    # The refusal before the login is one that was asked for.
    seen["complaints"] = [text for text in page.complaints if "401" not in text]
    return seen


async def with_page(chromium, folder, body, size="1280,1000"):
    """Lends a tab of a browser of its own; what `body` answers is printed as JSON."""
    os.makedirs(folder, exist_ok=True)
    browser = subprocess.Popen(
        [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-extensions",
         "--ignore-certificate-errors", f"--window-size={size}", "--remote-debugging-port=0",
         f"--user-data-dir={folder}/profile", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = ""
        for line in browser.stderr:
            if "DevTools listening on " in line:
                address = line.split("DevTools listening on ")[1].strip()
                break
        async with websockets.connect(address, max_size=None) as root:
            top = Page(root)
            target = await top.call("Target.createTarget", url="about:blank")
            page_address = address.split("/devtools/")[0] + f"/devtools/page/{target['targetId']}"
            async with websockets.connect(page_address, max_size=None) as socket:
                page = Page(socket)
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await page.call(f"{domain}.enable")
                print(json.dumps(await body(page)))
    finally:
        browser.kill()
        browser.wait()


def main(chromium, base, email, password, folder):
    return with_page(chromium, folder, lambda page: use(page, base, email, password, folder))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
