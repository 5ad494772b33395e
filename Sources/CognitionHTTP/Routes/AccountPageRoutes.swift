import CognitionCore
import HTTPTypes

/// The pages to which the links of mails lead. The token stands behind the `#`, so no browser sends it anywhere before its
/// owner presses the button, and no program that looks through mails uses it up.
struct AccountPageRoutes: RouteGroup {
    static let tag = "Operation"

    func routes(_ api: inout API) {
        page(&api, "account/verify-email", "A page to confirm an e-mail address.")
        page(&api, "account/reset-password", "A page to choose a new password.")
        page(&api, "account/invitation", "A page to accept an invitation.")
    }

    private func page(_ api: inout API, _ path: String, _ summary: String) {
        let file = StaticFile(page: PackageResources.account_html)
        api.route(
            .get, path, answers: [.ok(mediaType: "text/html", "The page."), .notModified], access: .open,
            summary: summary
        ) { _ in .page(file, .documentation) }
    }
}
