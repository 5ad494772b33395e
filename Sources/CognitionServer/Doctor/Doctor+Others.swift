import CognitionCore
import CognitionHTTPClient
import CognitionLanguageModels
import CognitionObservability
import Foundation

extension Doctor {
    /// What the running server says of itself.
    func checks(of server: RemoteServer) async -> [Diagnosis] {
        do {
            let health = try await server.health()
            let checks = health["checks"]?.objectValue ?? [:]
            return checks.map { name, check in
                let status = check["status"]?.stringValue ?? ""
                let reason = check["error_class"]?.stringValue.map { " (\($0))" } ?? ""
                return Diagnosis(
                    name: "server: \(name)",
                    status: status == "HEALTHY" ? .ok : status == "DEGRADED" ? .warning : .failed,
                    message: status.lowercased() + reason,
                    advice: status == "HEALTHY"
                        ? nil : "look into the server's log; more of it: cognitionos log-level debug",
                    details: check["details"]?.objectValue ?? [:])
            }
        } catch {
            return [
                Diagnosis(
                    name: "server", status: .failed,
                    message: (error as? any CodedError)?.message ?? "\(error)",
                    advice: "look at the process \(server.address.process) and its log, or end it and start it again")
            ]
        }
    }

    /// Those whom the server would call, each asked for next to nothing.
    var others: [Diagnosis] {
        get async {
            let asked = receivers
            guard asksOthers else {
                return asked.map {
                    Diagnosis(name: $0.name, status: .skipped, message: "not asked; --online asks")
                }
            }
            guard !asked.isEmpty else { return [] }
            let http: OutboundHTTPClient
            do {
                http = OutboundHTTPClient(settings: try configuration.httpClient)
            } catch {
                return []  // said of the settings already
            }
            var found: [Diagnosis] = []
            for receiver in asked { found.append(await ask(receiver, over: http)) }
            await http.shutdown()
            return found
        }
    }

    private struct Receiver {
        let name: String
        let request: OutboundRequest
        let advice: String
    }

    private var receivers: [Receiver] {
        var found: [Receiver] = []
        func base(_ setting: Setting, _ standard: String) -> String {
            let given = configuration[setting].isEmpty ? standard : configuration[setting]
            return given.hasSuffix("/") ? String(given.dropLast()) : given
        }
        if !configuration[.openAIKey].isEmpty {
            found.append(
                Receiver(
                    name: "provider openai",
                    request: OutboundRequest(
                        url: base(.openAIBaseURL, OpenAIProvider.standardBaseURL) + "/models",
                        headers: [("Authorization", "Bearer \(configuration[.openAIKey])")], timeout: .seconds(10)),
                    advice: "check LLM_OPENAI_API_KEY, LLM_OPENAI_BASE_URL and the way out"))
        }
        if !configuration[.anthropicKey].isEmpty {
            found.append(
                Receiver(
                    name: "provider anthropic",
                    request: OutboundRequest(
                        url: base(.anthropicBaseURL, AnthropicProvider.standardBaseURL) + "/v1/models",
                        headers: [("x-api-key", configuration[.anthropicKey]), ("anthropic-version", "2023-06-01")],
                        timeout: .seconds(10)),
                    advice: "check LLM_ANTHROPIC_API_KEY, LLM_ANTHROPIC_BASE_URL and the way out"))
        }
        if configuration.isOn(.enableTracing), let export = try? configuration.traceExport {
            found.append(
                Receiver(
                    name: "receiver of traces",
                    request: OutboundRequest(
                        method: "POST", url: export.url,
                        headers: [("Content-Type", "application/json")] + export.headers,
                        body: Array(#"{"resourceSpans":[]}"#.utf8), timeout: .seconds(10)),
                    advice: "check OTEL_EXPORTER_OTLP_ENDPOINT and _HEADERS, and that OTLP over HTTP is on there"))
        }
        return found
    }

    private func ask(_ receiver: Receiver, over http: OutboundHTTPClient) async -> Diagnosis {
        do {
            let answer = try await http.send(receiver.request)
            guard (200...299).contains(answer.status) else {
                return Diagnosis(
                    name: receiver.name, status: .failed, message: "it answers \(answer.status)",
                    advice: receiver.advice)
            }
            return Diagnosis(name: receiver.name, status: .ok, message: "it answers")
        } catch {
            return Diagnosis(
                name: receiver.name, status: .failed, message: (error as? any CodedError)?.message ?? "\(error)",
                advice: receiver.advice)
        }
    }
}
