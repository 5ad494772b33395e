// What /docs and /redoc share: reading an OpenAPI 3.1 document and showing its parts.
//
// No text of the document or of an answer ever becomes markup: every node is made by h(), every text is a text node.

// ---------------------------------------------------------------------------------------------------------- nodes

/** An element. A function as attribute listens to the event of that name; null, undefined and false are left out. */
export function h(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === null || value === undefined || value === false) continue;
        if (typeof value === "function") node.addEventListener(name, value);
        else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
}

let idsGiven = 0;
/** An id for labels; the hyphen keeps it apart from operation ids. */
export const freshID = (word) => `${word}-${++idsGiven}`;

const unbuilt = new WeakMap();
/** Fills a `details` when it is opened for the first time: large documents stay quick, recursive schemas finite. */
export function lazily(details, make) {
    unbuilt.set(details, make);
    details.addEventListener("toggle", () => details.open && build(details));
    return details;
}

/** Fills it now. */
export function build(details) {
    const make = unbuilt.get(details);
    if (!make) return;
    unbuilt.delete(details);
    details.append(make());
}

/** Says a short sentence to screen readers. */
export function announce(text) {
    const region = document.getElementById("page-status");
    if (region) region.textContent = text;
}

export function copyButton(text, label = "Copy") {
    const button = h("button", { type: "button", class: "quiet small", click: copy }, label);
    async function copy() {
        const done = await copyText(text());
        button.textContent = done ? "Copied" : "Not allowed";
        announce(button.textContent);
        setTimeout(() => (button.textContent = label), 1500);
    }
    return button;
}

async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        // The clipboard interface exists only over HTTPS and on localhost; the old command works everywhere.
        const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true" });
        area.value = text;
        const focused = document.activeElement;
        document.body.append(area);
        area.select();
        const done = document.execCommand("copy");
        area.remove();
        focused?.focus();
        return done;
    }
}

/**
 * Tabs as ARIA has them: arrow keys, one stop for the tab key. Each item: `{label, kind?, panel: () => Node}`; a panel
 * is made when it is first looked at.
 */
export function tabs(items, name) {
    const buttons = items.map(({ label, kind }) =>
        h("button", { type: "button", role: "tab", id: freshID("tab"), class: kind }, label));
    const panels = items.map(({ label }, index) => {
        const id = freshID("panel");
        buttons[index].setAttribute("aria-controls", id);
        return h("div", { role: "tabpanel", id, "aria-labelledby": buttons[index].id, "data-label": label });
    });
    const select = (chosen) => buttons.forEach((button, index) => {
        button.setAttribute("aria-selected", index === chosen);
        button.tabIndex = index === chosen ? 0 : -1;
        panels[index].hidden = index !== chosen;
        if (index === chosen && !panels[index].hasChildNodes()) panels[index].append(items[index].panel());
    });
    buttons.forEach((button, index) => button.addEventListener("click", () => select(index)));
    const list = h("div", { role: "tablist", "aria-label": name, class: "tabs", keydown: move }, buttons);
    function move(event) {
        const at = buttons.indexOf(document.activeElement);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
        if (to === undefined || at < 0) return;
        event.preventDefault();
        const next = (to + buttons.length) % buttons.length;
        select(next);
        buttons[next].focus();
    }
    select(0);
    return h("div", {}, list, panels);
}

// ------------------------------------------------------------------------------------------------------- document

/** @throws An error whose message people understand. */
export async function loadSpec(url = "/openapi.json") {
    let response;
    try {
        response = await fetch(url, { credentials: "omit" });
    } catch (error) {
        throw new Error(`${url} could not be loaded: ${error.message}`);
    }
    if (!response.ok) throw new Error(`${url} could not be loaded: the server answered ${statusText(response.status)}`);
    const json = await response.json().catch((error) => {
        throw new Error(`${url} is no JSON: ${error.message}`);
    });
    const isKnown = json?.paths && String(json.openapi).startsWith("3.1");
    if (!isKnown) throw new Error(`${url} is no document of OpenAPI 3.1`);
    return new Spec(json);
}

const methods = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

class Spec {
    constructor(json) {
        this.json = json;
        this.base = new URL(json.servers?.[0]?.url ?? "/", location.origin).href.replace(/\/$/, "");
        this.operations = Object.entries(json.paths).flatMap(([path, item]) =>
            methods.filter((method) => item[method]).map((method) => this.#operation(method, path, item)));
        const tags = new Map((json.tags ?? []).map((tag) => [tag.name, { ...tag, operations: [] }]));
        for (const operation of this.operations) {
            if (!tags.has(operation.tag)) tags.set(operation.tag, { name: operation.tag, operations: [] });
            tags.get(operation.tag).operations.push(operation);
        }
        this.tags = [...tags.values()].filter((tag) => tag.operations.length > 0);
    }

    #operation(method, path, item) {
        const own = item[method];
        const parameters = new Map();
        for (const parameter of [...(item.parameters ?? []), ...(own.parameters ?? [])]) {
            const node = this.resolve(parameter).node;
            parameters.set(`${node.in} ${node.name}`, node);
        }
        const security = own.security ?? this.json.security ?? [];
        const isOptional = security.some((choice) => Object.keys(choice).length === 0);
        const responses = Object.entries(own.responses ?? {}).map(([status, response]) => {
            const { description = "", content = {}, headers = {} } = this.resolve(response).node;
            return { status, description, content: this.#withProblem(content, Number(status), description), headers };
        });
        const successes = responses.filter(({ status }) => status < "300");
        return {
            id: own.operationId ?? `${method}${path.replace(/\W+/g, "_")}`, method, path, responses,
            tag: own.tags?.[0] ?? "Other", summary: own.summary ?? path, description: own.description ?? "",
            isDeprecated: own.deprecated === true, parameters: [...parameters.values()],
            body: own.requestBody ? this.#withSharedExample(this.resolve(own.requestBody).node) : null,
            access: security.length === 0 ? "open" : isOptional ? "optional" : "token",
            /** The media types that may be asked for. */
            accepts: [...new Set(successes.flatMap(({ content }) => Object.keys(content)))],
        };
    }

    /** Gives an error without a sample one that says what RFC 9457 wants said. */
    #withProblem(content, status, description) {
        const type = "application/problem+json";
        const problem = content[type];
        if (!problem?.schema || problem.example !== undefined || problem.examples) return content;
        const { properties = {}, required = [] } = this.view(problem.schema).node;
        const known = { type: "urn:…", title: phrases[status] ?? "Error", status, detail: description };
        const members = Object.keys(properties).filter((name) => name in known || required.includes(name));
        const example = Object.fromEntries(members.map((name) => [name, known[name] ?? this.sample(properties[name])]));
        return { ...content, [type]: { ...problem, example } };
    }

    /** Where one media type has an example, others of the same shape have it too: YAML says what JSON says. */
    #withSharedExample(body) {
        const parts = Object.entries(body.content ?? {});
        const [, shared] = parts.find(([, part]) => part.example !== undefined) ?? [];
        const mayShare = (part) => shared && part.example === undefined && !part.examples
            && JSON.stringify(part.schema) === JSON.stringify(shared.schema);
        const share = ([type, part]) => [type, mayShare(part) ? { ...part, example: shared.example } : part];
        return { ...body, content: Object.fromEntries(parts.map(share)) };
    }

    /** Follows references; members beside a `$ref` win, as 3.1 has it. */
    resolve(node) {
        let name = null;
        for (let step = 0; typeof node?.$ref === "string" && step < 32; step++) {
            const { $ref, ...own } = node;
            const words = $ref.startsWith("#/") ? $ref.slice(2).split("/") : [];
            const keys = words.map((word) => decodeURIComponent(word).replace(/~1/g, "/").replace(/~0/g, "~"));
            const target = keys.reduce((at, key) => (at && Object.hasOwn(at, key) ? at[key] : undefined), this.json);
            name = keys.at(-1) ?? $ref;
            node = { ...(target ?? { description: `The document has no ${$ref}.` }), ...own };
        }
        return { node: node ?? {}, name };
    }

    /**
     * A schema made easy to show: `{node, name, types, nullable, variants}`, where `anyOf` with null is `nullable`, and
     * `allOf` is one object.
     */
    view(schema, depth = 0) {
        if (depth > 16 || typeof schema !== "object" || schema === null) {
            const node = schema === false ? { description: "Must be absent." } : {};
            return { node, name: null, types: [], nullable: false };
        }
        let { node, name } = this.resolve(schema);
        if (Array.isArray(node.allOf)) node = this.#merged(node, depth);
        let types = [node.type ?? []].flat();
        let nullable = types.includes("null");
        types = types.filter((type) => type !== "null");
        const choices = node.oneOf ?? node.anyOf;
        let variants;
        if (Array.isArray(choices)) {
            variants = choices.filter((choice) => this.resolve(choice).node.type !== "null");
            nullable ||= variants.length < choices.length;
            if (variants.length === 1) {
                const { oneOf, anyOf, ...outer } = node;
                const inner = this.view(variants[0], depth + 1);
                return {
                    ...inner, name: inner.name ?? name, nullable: nullable || inner.nullable,
                    node: { ...inner.node, ...outer },
                };
            }
        }
        if (types.length === 0 && !variants) {
            if (node.properties || node.additionalProperties) types = ["object"];
            else if (node.items) types = ["array"];
            else if (node.enum?.length) types = [...new Set(node.enum.map((value) => typeof value))];
        }
        return { node, name, types, nullable, variants };
    }

    #merged(node, depth) {
        const { allOf, ...own } = node;
        const views = allOf.map((part) => this.view(part, depth + 1).node);
        const all = [...views, own];
        return {
            ...Object.assign({}, ...all),
            properties: Object.assign({}, ...all.map((part) => part.properties)),
            required: all.flatMap((part) => part.required ?? []),
        };
    }

    /** The element type behind lists of lists. */
    #element(view, depth = 0) {
        const isList = view.types.includes("array") && depth < 8;
        return isList ? this.#element(this.view(view.node.items ?? {}), depth + 1) : view;
    }

    typeText(view, depth = 0) {
        const words = view.variants && depth < 8
            ? view.variants.map((variant) => this.typeText(this.view(variant), depth + 1))
            : view.types.map((type) => {
                if (type === "array" && depth < 8) {
                    return `array of ${this.typeText(this.view(view.node.items ?? {}), depth + 1)}`;
                }
                if (type === "object") return view.name ?? "object";
                return view.node.format ? `${type} (${view.node.format})` : type;
            });
        if (words.length === 0) words.push("any");
        if (view.nullable) words.push("null");
        return [...new Set(words)].join(" or ");
    }

    /** What can be opened below a schema: members, or the choices; and under which name it is known. */
    parts(view) {
        const element = this.#element(view);
        if (element.variants) {
            const parts = element.variants.map((schema, index) => ({ label: `Choice ${index + 1}`, schema }));
            return { parts, name: element.name };
        }
        const { properties = {}, required = [], additionalProperties: others } = element.node;
        const parts = Object.entries(properties)
            .map(([name, schema]) => ({ name, schema, required: required.includes(name) }));
        if (typeof others === "object" && others !== null) parts.push({ label: "any name", schema: others });
        return { parts, name: element.name };
    }

    /** A value that fits as well as can be known. */
    sample(schema, depth = 0, trail = []) {
        const view = this.view(schema);
        const { node } = view;
        for (const given of [node.example, node.examples?.[0], node.default, node.const, node.enum?.[0]]) {
            if (given !== undefined) return given;
        }
        if (view.variants) return depth < 6 ? this.sample(view.variants[0], depth + 1, trail) : null;
        if (view.name && trail.includes(view.name)) return null;
        const inner = view.name ? [...trail, view.name] : trail;
        switch (view.types[0]) {
        case "object":
            return depth > 5 ? {} : Object.fromEntries(Object.entries(node.properties ?? {})
                .map(([name, member]) => [name, this.sample(member, depth + 1, inner)]));
        case "array": {
            const item = depth > 5 ? null : this.sample(node.items ?? {}, depth + 1, inner);
            return item === null ? [] : [item];
        }
        case "integer": case "number": return node.minimum ?? 0;
        case "boolean": return true;
        case "string": return stringSamples[node.format] ?? "…";
        default: return view.types.length === 0 ? {} : null;
        }
    }

    /** The samples of a media type: `[{name, value}]`, at least one unless it is a plain text. */
    samples(content) {
        if (content.example !== undefined) return [{ name: "Example", value: content.example }];
        const named = Object.entries(content.examples ?? {}).map(([name, example]) => {
            const { node } = this.resolve(example);
            return { name: node.summary ?? name, value: node.value };
        }).filter(({ value }) => value !== undefined);
        if (named.length > 0) return named;
        const isText = this.view(content.schema).types[0] === "string";
        return content.schema && !isText ? [{ name: "Example", value: this.sample(content.schema) }] : [];
    }

    /** A request with sample values, for reading. */
    sampleRequest(operation) {
        const value = ({ name, schema = {}, example }) => {
            const sample = example ?? this.sample(schema);
            return sample === "…" ? name : String(sample);
        };
        const path = operation.path.replace(/\{([^}]+)\}/g, (whole, name) => {
            const parameter = operation.parameters.find((one) => one.in === "path" && one.name === name);
            return parameter ? encodeURIComponent(value(parameter)) : whole;
        });
        const query = operation.parameters.filter((parameter) => parameter.in === "query" && parameter.required)
            .map((parameter) => `${encodeURIComponent(parameter.name)}=${encodeURIComponent(value(parameter))}`);
        const [mediaType, content] = Object.entries(operation.body?.content ?? {})[0] ?? [];
        const headers = mediaType ? [["Content-Type", mediaType]] : [];
        return {
            method: operation.method, headers, url: this.base + path + (query.length ? `?${query.join("&")}` : ""),
            hasToken: operation.access === "token", body: mediaType ? sampleText(this, mediaType, content) : undefined,
        };
    }
}

const stringSamples = {
    "date-time": "2026-01-31T08:00:00.000000Z", "date": "2026-01-31", "time": "08:00:00Z", "duration": "PT5M",
    "uuid": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "email": "ada@example.org", "uri": "https://example.org/",
};

/** The first sample of a body, as it is sent. */
export function sampleText(spec, mediaType, content, value = spec.samples(content)[0]?.value) {
    if (value === undefined) return "";
    if (typeof value === "string" && !isJSON(mediaType)) return value;
    return /ya?ml/.test(mediaType) ? yaml(value) : JSON.stringify(value, null, 2);
}

export const isJSON = (mediaType) => /[/+]json\b/.test(mediaType ?? "");

/** JSON as YAML in block style. */
function yaml(value, indent = "") {
    const isOpen = (item) => typeof item === "object" && item !== null && Object.keys(item).length > 0;
    // What might be read as something else than a text is written as JSON has it, which is YAML too.
    const scalar = (item) => typeof item === "string" && /^[A-Za-z_][\w./-]*( [\w./-]+)*$/.test(item)
        && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(item) ? item : JSON.stringify(item);
    if (!isOpen(value)) return indent + scalar(value);
    if (Array.isArray(value)) {
        return value.map((item) => isOpen(item)
            ? `${indent}- ${yaml(item, `${indent}  `).trimStart()}` : `${indent}- ${scalar(item)}`).join("\n");
    }
    return Object.entries(value).map(([key, item]) => isOpen(item)
        ? `${indent}${scalar(key)}:\n${yaml(item, `${indent}  `)}`
        : `${indent}${scalar(key)}: ${scalar(item)}`).join("\n");
}

/** A command for a POSIX shell. Without a `token` the command takes it from the variable TOKEN. */
export function curl({ method, url, headers, body, hasToken, token, isStream }) {
    const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const isImplied = method === "get" || (method === "post" && body !== undefined);
    const verb = isImplied ? "" : method === "head" ? " -I" : ` -X ${method.toUpperCase()}`;
    const lines = [`curl${isStream ? " -N" : ""}${verb} ${quote(url)}`];
    const authorization = token ? quote(`Authorization: Bearer ${token}`) : '"Authorization: Bearer $TOKEN"';
    if (hasToken) lines.push(`-H ${authorization}`);
    for (const [name, value] of headers) lines.push(`-H ${quote(`${name}: ${value}`)}`);
    if (body !== undefined) lines.push(`--data-raw ${quote(body)}`);
    return lines.join(" \\\n  ");
}

const phrases = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 304: "Not Modified", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 412: "Precondition Failed", 413: "Content Too Large",
    415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
};

/** `404 Not Found`; HTTP/2 sends no phrase. */
export const statusText = (status) => `${status} ${phrases[status] ?? ""}`.trim();
/** A class for its colour: `s2` … `s5`. */
export const statusKind = (status) => `status s${String(status)[0]}`;

// -------------------------------------------------------------------------------------------------------- showing

export const methodBadge = (method) => h("span", { class: `method ${method}` }, method.toUpperCase());
/** A summary as a heading: without its full stop. */
export const headline = (operation) => operation.summary.replace(/\.$/, "");

/** A path that may break before a slash, with its parameters set apart. */
export const pathText = (path) => h("code", { class: "path" }, path.split(/(?=\/)/).flatMap((word, index) =>
    [index ? h("wbr") : null, word.includes("{") ? ["/", h("span", { class: "placeholder" }, word.slice(1))] : word]));

export function accessNote(operation) {
    const [kind, text] = {
        open: ["", "Open to anybody"], optional: ["half", "A token is optional"], token: ["full", "Needs a token"],
    }[operation.access];
    return h("span", { class: `access ${kind}`, title: text }, text);
}

const inlineMarks = /`([^`]+)`|\[([^\]]+)\]\(([^()\s]+)\)/g;

/** Backticks and links; everything else stays as it is. */
export function inline(text) {
    const nodes = [];
    let end = 0;
    for (const found of text.matchAll(inlineMarks)) {
        nodes.push(text.slice(end, found.index));
        end = found.index + found[0].length;
        if (found[1] !== undefined) nodes.push(h("code", {}, found[1]));
        else if (isLink(found[3])) nodes.push(h("a", { href: found[3], rel: "noopener noreferrer" }, found[2]));
        else nodes.push(found[0]);
    }
    return [...nodes, text.slice(end)];
}

function isLink(text) {
    if (!URL.canParse(text, location.href)) return false;
    return ["http:", "https:", "mailto:"].includes(new URL(text, location.href).protocol);
}

/** Paragraphs and lists of {@link inline} text. */
export function markdown(text) {
    const blocks = [];
    let block = null;
    for (const line of (text ?? "").split(/\r?\n/)) {
        const item = /^\s*(?:([-*])|\d+[.)])\s+(.*)$/.exec(line);
        if (line.trim() === "") block = null;
        else if (item) {
            const tag = item[1] ? "ul" : "ol";
            if (block?.tag !== tag) blocks.push((block = { tag, lines: [] }));
            block.lines.push(item[2]);
        } else if (block) block.lines.push(block.lines.pop() + ` ${line.trim()}`);
        else blocks.push((block = { tag: "p", lines: [line.trim()] }));
    }
    const nodes = blocks.map(({ tag, lines }) =>
        h(tag, {}, tag === "p" ? inline(lines[0]) : lines.map((line) => h("li", {}, inline(line)))));
    return h("div", { class: "prose" }, nodes);
}

const number = new Intl.NumberFormat("en-US");
/** `1 to 200`, `at least 1`, `at most 60 items`. */
function range(low, high, unit = "") {
    const tail = unit && ` ${(high ?? low) === 1 ? unit.replace(/s$/, "") : unit}`;
    if (low !== undefined && low === high) return `exactly ${number.format(low)}${tail}`;
    if (low !== undefined && high !== undefined) return `${number.format(low)} to ${number.format(high)}${tail}`;
    if (low !== undefined) return `at least ${number.format(low)}${tail}`;
    return high === undefined ? null : `at most ${number.format(high)}${tail}`;
}

/** The bounds that a schema sets, in words. */
function limits(node) {
    return [
        range(node.minimum, node.maximum), range(node.minLength, node.maxLength, "characters"),
        range(node.minItems, node.maxItems, "items"), range(node.minProperties, node.maxProperties, "members"),
        node.exclusiveMinimum !== undefined && `more than ${node.exclusiveMinimum}`,
        node.exclusiveMaximum !== undefined && `less than ${node.exclusiveMaximum}`,
        node.multipleOf !== undefined && `a multiple of ${node.multipleOf}`, node.uniqueItems && "no item twice",
        node.pattern !== undefined && ["matches ", h("code", {}, node.pattern)],
        node.default !== undefined && ["default ", h("code", {}, JSON.stringify(node.default))],
        node.const !== undefined && ["always ", h("code", {}, JSON.stringify(node.const))],
        node.readOnly && "only in answers", node.writeOnly && "only in requests",
        node.additionalProperties === false && "no other members",
    ].filter(Boolean);
}

/** The type and the limits of a schema. */
export const typeFacts = (spec, view) => [
    h("span", { class: "type" }, spec.typeText(view)),
    limits(view.node).map((limit) => h("span", { class: "limit" }, limit)),
];

/** And its choices. */
function schemaFacts(spec, view) {
    const choices = view.node.enum ?? (view.types.includes("array") && spec.view(view.node.items ?? {}).node.enum);
    if (!choices) return typeFacts(spec, view);
    const texts = choices.map((choice) => (typeof choice === "string" ? choice : JSON.stringify(choice)));
    return [typeFacts(spec, view), h("span", { class: "choices" }, texts.map((text) => h("code", {}, text)))];
}

/** A member or a parameter: `{name | label, schema, required, description?}`. */
function schemaRow(spec, { name, label, schema, required, description, deprecated }, trail) {
    const view = spec.view(schema);
    const inner = spec.parts(view);
    const isRecursive = inner.name !== null && trail.includes(inner.name);
    const text = description ?? view.node.description;
    const line = [
        h("span", { class: "head" },
            name === undefined ? h("span", { class: "label" }, label) : h("code", { class: "name" }, name),
            required ? h("span", { class: "required" }, "required") : null,
            deprecated || view.node.deprecated ? h("span", { class: "required" }, "deprecated") : null,
            schemaFacts(spec, view)),
        text ? h("span", { class: "about" }, inline(text)) : null,
    ];
    if (inner.parts.length === 0) return h("li", {}, h("div", { class: "leaf" }, line));
    const details = h("details", { class: "branch", "data-recursive": isRecursive }, h("summary", {}, line));
    const below = inner.name ? [...trail, inner.name] : trail;
    return h("li", {}, lazily(details, () => schemaRows(spec, inner.parts, below)));
}

function schemaRows(spec, rows, trail = []) {
    return h("ul", { class: "tree" }, rows.map((row) => schemaRow(spec, row, trail)));
}

/** A schema as a tree whose first level is open. */
export function schemaTree(spec, schema) {
    const view = spec.view(schema);
    const { parts, name } = spec.parts(view);
    return h("div", { class: "schema" },
        h("p", { class: "head" }, schemaFacts(spec, view)),
        view.node.description ? h("p", { class: "about" }, inline(view.node.description)) : null,
        parts.length ? schemaRows(spec, parts, name ? [name] : []) : null);
}

export const parameterRows = (spec, parameters) => schemaRows(spec, parameters.map(
    ({ name, schema = {}, required, deprecated, description }) =>
        ({ name, schema, required, deprecated, description })));

const jsonTokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const highlightBytesMax = 300_000;

/**
 * A JSON text, indented and coloured. Works on the text, not on parsed values, so that whole numbers beyond 2⁵³ keep
 * their digits.
 * @returns null for what is no JSON.
 */
export function jsonView(text) {
    try {
        JSON.parse(text);
    } catch {
        return null;
    }
    if (text.length > highlightBytesMax) return { text, node: document.createTextNode(text) };
    const tokens = text.match(jsonTokens) ?? [];
    const root = document.createDocumentFragment();
    let plain = "", pretty = "", depth = 0;
    const write = (piece) => { plain += piece; pretty += piece; };
    const mark = (piece, kind) => {
        root.append(plain, h("span", { class: kind }, piece));
        plain = "";
        pretty += piece;
    };
    const newLine = () => write(`\n${"  ".repeat(depth)}`);
    tokens.forEach((token, index) => {
        const next = tokens[index + 1];
        if (token === "{" || token === "[") {
            write(token);
            depth += 1;
            if (next !== "}" && next !== "]") newLine();
        } else if (token === "}" || token === "]") {
            depth -= 1;
            if (!["{", "["].includes(tokens[index - 1])) newLine();
            write(token);
        } else if (token === ",") { write(token); newLine(); }
        else if (token === ":") write(": ");
        else if (token[0] === '"') mark(token, next === ":" ? "key" : "string");
        else mark(token, "literal");
    });
    root.append(plain);
    return { text: pretty, node: root };
}

/** A block of code with a button to copy it. */
export function codeBlock(text, { label = "", isJSONText = false, isWrapped = false } = {}) {
    const view = isJSONText ? jsonView(text) : null;
    const shown = view?.text ?? text;
    return h("div", { class: isWrapped ? "code wrapped" : "code" },
        h("div", { class: "bar" }, h("span", {}, label), copyButton(() => shown)),
        h("pre", { tabindex: "0", "aria-label": label || null }, view?.node ?? text));
}

/** Samples of a media type, one block each. */
export function sampleBlocks(spec, mediaType, content) {
    const samples = spec.samples(content);
    return samples.map(({ name, value }) => codeBlock(sampleText(spec, mediaType, content, value), {
        label: samples.length > 1 ? `${name} · ${mediaType}` : mediaType, isJSONText: isJSON(mediaType),
    }));
}
