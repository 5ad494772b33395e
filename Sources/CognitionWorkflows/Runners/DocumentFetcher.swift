package import CognitionCore
import CognitionDocuments

/// Fetches what a definition refers to, functions of catalogs and schemas, once, when it is created.
package struct DocumentFetcher: Sendable {
    /// Of one document.
    package static let bytesMax = 256 << 10
    /// For one document; all are fetched at the same time.
    package static let timeout: Duration = .seconds(15)
    /// Documents that refer to documents that refer to documents…
    package static let roundsMax = 4

    private let http: any OutboundHTTP

    package init(http: any OutboundHTTP) { self.http = http }

    /// - Throws: `CancellationError` only; what went wrong with a document is its result.
    func fetch(_ documents: some Sequence<ExternalDocument>) async throws -> [String: FetchedDocument] {
        try await withThrowingTaskGroup(of: (String, FetchedDocument).self) { group in
            for document in documents {
                group.addTask { (document.name, try await fetch(document)) }
            }
            var fetched: [String: FetchedDocument] = [:]
            for try await (name, document) in group { fetched[name] = document }
            return fetched
        }
    }

    private func fetch(_ external: ExternalDocument) async throws -> FetchedDocument {
        var headers = [(name: "Accept", value: "application/yaml, application/json, text/plain, */*;q=0.5")]
        headers.append((name: "User-Agent", value: "cognitionos/\(Release.version)"))
        if let authorization = external.authorization { headers.append(("Authorization", authorization)) }
        let response: OutboundResponse
        do {
            response = try await http.send(
                OutboundRequest(
                    url: external.url, headers: headers, timeout: Self.timeout, bodyBytesMax: Self.bytesMax,
                    followRedirects: true))
        } catch let error as CancellationError {
            throw error
        } catch {
            return .failed((error as? any CodedError)?.message ?? String(describing: error))
        }
        guard response.status == 200 else { return .failed("the answer is \(response.status)") }
        do {
            let text = String(decoding: response.body, as: UTF8.self)
            return .document(try PositionedDocument(yamlOrJSON: text, limits: DefinitionReader.yamlLimits).value)
        } catch {
            return .failed("line \(error.line): \(error.reason)")
        }
    }
}
