/// How a database file is opened.
package struct SQLiteOptions: Sendable {
    /// Connections that read beside the writer; 1...64.
    package var readers = 4

    /// Another process owns the file: this one may read and write, but neither migrates nor checkpoints.
    package var isGuest = false

    /// How long a transaction waits for a lock that another process holds.
    package var busyTimeout: Duration = .seconds(5)

    /// How many pages of 4 KiB the file may have; a transaction that needs more fails as `storage.full`. `nil`: no bound.
    package var pagesMax: Int?

    package init() {}
}
