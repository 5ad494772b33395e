import CognitionCore
import HTTPTypes
import Hummingbird

/// Pages for people and the document for programs; all of it comes from the program itself.
struct PageRoutes: RouteGroup {
    static let tag = "Operation"

    func routes(_ api: inout API) {
        page(&api, "docs", PackageResources.docs_html, .documentation, "The API, to be read and tried out.")
        page(&api, "redoc", PackageResources.redoc_html, .documentation, "The API, to be read.")
        page(&api, "ws/test", PackageResources.websocket_html, .webSocket, "A page to try the WebSocket by hand.")
        file(&api, "docs/openapi.js", PackageResources.openapi_js, "text/javascript; charset=utf-8")
        file(&api, "docs/openapi.css", PackageResources.openapi_css, "text/css; charset=utf-8")
    }

    private func page(
        _ api: inout API, _ path: String, _ bytes: [UInt8], _ policy: ContentPolicy, _ summary: String
    ) {
        let file = StaticFile(page: bytes)
        api.route(
            .get, path, answers: [.ok(mediaType: "text/html", "The page."), .notModified], access: .open,
            summary: summary
        ) { _ in .page(file, policy) }
    }

    private func file(_ api: inout API, _ path: String, _ bytes: [UInt8], _ mediaType: String) {
        let file = StaticFile(bytes, mediaType: mediaType)
        api.route(
            .get, path, answers: [.ok(mediaType: MediaType.essence(of: mediaType), "The file."), .notModified],
            access: .open, summary: "A part of the documentation's pages."
        ) { _ in .file(file) }
    }
}

extension Answer {
    /// A page of HTML.
    static func page(_ file: StaticFile, _ policy: ContentPolicy) -> Answer {
        .file(
            file,
            headers: [
                .contentSecurityPolicy: policy.rawValue, .referrerPolicy: "no-referrer", .xFrameOptions: "DENY",
            ])
    }
}

extension StaticFile {
    /// A page of HTML.
    convenience init(page bytes: [UInt8]) { self.init(bytes, mediaType: "text/html; charset=utf-8") }
}

/// What a page may load: nothing from elsewhere.
enum ContentPolicy: String {
    case documentation =
        "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    case webSocket =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

/// `GET /openapi.json`: made once of the routes, itself included; see ``API/documented(_:root:)``.
struct OpenAPIRoutes: RouteGroup {
    static let tag = "Operation"
    let bytes: [UInt8]

    func routes(_ api: inout API) {
        let file = StaticFile(bytes, mediaType: Answer.json)
        api.route(
            .get, "openapi.json",
            answers: [.ok(mediaType: Answer.json, "An OpenAPI document of version 3.1."), .notModified], access: .open,
            summary: "Describes every route."
        ) { _ in .file(file) }
    }
}
