import CognitionCore

extension API {
    /// The routes of these groups, the pages for people, and the document that describes them all, itself included.
    package static func documented(_ groups: [any RouteGroup], root: [any RouteGroup]) -> API {
        let root = root + [PageRoutes(), AccountPageRoutes()]
        let declared = API(groups, root: root + [OpenAPIRoutes(bytes: [])])
        return API(groups, root: root + [OpenAPIRoutes(bytes: OpenAPIDocument(declared).json.jsonBytes)])
    }
}
