/// How many columns of a terminal text takes.
public enum DisplayWidth {
    /// Two for the wide scripts of East Asia and for emoji, none for marks that stand on what
    /// comes before.
    public static func columns(of character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.isASCII { return 1 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        // A soft hyphen is shown.
        case .format: return first.value == 0xAD ? 1 : 0
        default: break
        }
        // The vowels and ends of Hangul stand in the place of the consonant before them.
        if (0x1160...0x11FF).contains(first.value) { return 0 }
        if first.properties.isEmojiPresentation { return 2 }
        // A sign that is shown as an emoji only with this selector.
        if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        return wideRanges.contains { $0.contains(first.value) } ? 2 : 1
    }

    /// The blocks that Unicode's East Asian Width gives as wide or full width.
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
        0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
        0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]
}
