public import StoreCrypto

/// The 32 random bytes that tell one repository from all others.
public typealias RepositoryID = Digest256
