import CognitionSearch
import Testing

@Suite struct SearchSettingsTests {
    @Test func `A field of text is read as English prose where nothing else is said`() {
        #expect(SearchField(.text).analyzer == .english)
    }
}
