/// A type of the name that one in swift-crypto has, too.
public enum SHA256 {
  /// The name of the algorithm.
  public static let name = "SHA-256"
}
