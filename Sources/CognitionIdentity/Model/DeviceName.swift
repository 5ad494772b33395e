/// Reads from a `User-Agent` what people recognise of it: program and system. Nothing relies on it, as clients write what
/// they like.
enum DeviceName {
    static let bytesMax = 80

    static func read(_ userAgent: String) -> String {
        guard let program = program(userAgent) else { return cut(userAgent.prefix { $0 != " " }) }
        guard let system = system(userAgent) else { return program }
        return "\(program) on \(system)"
    }

    /// In the order in which they have to be asked: browsers name the ones that they descend from as well.
    private static let programs = [
        ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ]
    private static let systems = [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
        ("Macintosh", "macOS"), ("Linux", "Linux"),
    ]

    /// A browser; `nil` for anything else, which is called by the first word it says.
    private static func program(_ userAgent: String) -> String? {
        guard userAgent.hasPrefix("Mozilla/") else { return nil }
        return programs.first { userAgent.contains($0.0) }?.1
    }

    private static func system(_ userAgent: String) -> String? { systems.first { userAgent.contains($0.0) }?.1 }

    private static func cut(_ text: Substring) -> String {
        var name = String(text)
        while name.utf8.count > bytesMax { name.removeLast() }
        return name
    }
}
