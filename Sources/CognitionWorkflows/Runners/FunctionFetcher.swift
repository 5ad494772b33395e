package import CognitionCore
import CognitionDocuments

/// Fetches the functions of catalogs that a document calls, once, when it is created.
package struct FunctionFetcher: Sendable {
    /// Of the document of one function.
    package static let bytesMax = 256 << 10
    /// For one document; they are fetched at the same time.
    package static let timeout: Duration = .seconds(15)
    /// Functions that call functions that call functions…
    package static let roundsMax = 4

    private let http: any OutboundHTTP

    package init(http: any OutboundHTTP) { self.http = http }

    /// - Throws: `CancellationError` only; what went wrong with a function is its result.
    func fetch(_ functions: some Sequence<CatalogedFunction>) async throws -> [String: FetchedFunction] {
        try await withThrowingTaskGroup(of: (String, FetchedFunction).self) { group in
            for function in functions {
                group.addTask { (function.name, try await fetch(function)) }
            }
            var fetched: [String: FetchedFunction] = [:]
            for try await (name, function) in group { fetched[name] = function }
            return fetched
        }
    }

    private func fetch(_ function: CatalogedFunction) async throws -> FetchedFunction {
        var headers = [(name: "Accept", value: "application/yaml, application/json, text/plain, */*;q=0.5")]
        headers.append((name: "User-Agent", value: "cognitionos/\(Release.version)"))
        if let authorization = function.authorization { headers.append(("Authorization", authorization)) }
        let response: OutboundResponse
        do {
            response = try await http.send(
                OutboundRequest(
                    url: function.url, headers: headers, timeout: Self.timeout, bodyBytesMax: Self.bytesMax,
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
