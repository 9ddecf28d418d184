/// The limits of this target, in one place.
public enum Limits {
    /// Help is wrapped to the terminal, but never wider or narrower than a person reads well.
    public static let helpColumnsMax = 100
    public static let helpColumnsMin = 60
    public static let helpColumnsDefault = 80

    /// Longer names are compared with nothing: the distance costs the product of both lengths.
    static let nearestNameBytesMax = 64
}
