import Foundation
import Testing

/// Ends the whole run, with the name of the test, when one lends something for longer than any test may take: a test that
/// waits for ever says so, and does not keep the others from failing or passing.
package struct Watchdog: ~Copyable {
    private let task: Task<Void, Never>

    package init(_ longest: Duration = .seconds(300)) {
        let test = Test.current?.name ?? "a test"
        task = Task.detached {
            do { try await Task.sleep(for: longest) } catch { return }
            FileHandle.standardError.write(Data("\(test) has not ended after \(longest)\n".utf8))
            abort()
        }
    }

    deinit { task.cancel() }
}
