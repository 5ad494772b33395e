import CognitionStorage

extension Workflows {
    /// Documents kept elsewhere that a stored one refers to, as one JSON object beside it; NULL where there are none.
    static let fetchedDocuments = Migration(
        "workflows.008_fetched", ["ALTER TABLE workflows ADD COLUMN fetched \(fragment: .bytes)"])
}
