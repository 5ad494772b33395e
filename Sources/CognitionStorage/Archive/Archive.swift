/// Where rows go before they leave the database: files by name.
package protocol Archive: Sendable {
    /// Keeps `bytes` under `name`, durably and as a whole: after a crash there is what was there before, or this.
    func store(_ bytes: [UInt8], as name: String) throws

    /// What was stored under `name`; `nil` when there is nothing.
    /// - Throws: Also when there are more bytes than `bytesMax`.
    func load(_ name: String, bytesMax: Int) throws -> [UInt8]?

    /// Whether anything was stored under `name`, whatever it is.
    func has(_ name: String) -> Bool

    /// Takes away what was stored under `name`, if anything was.
    func discard(_ name: String) throws
}
