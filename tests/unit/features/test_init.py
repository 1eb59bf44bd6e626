import egoshift.features


def test_the_room_offers_exactly_this():
    assert egoshift.features.__all__ == [
        "AbstractFeatureSource",
        "CheckReport",
        "ExtractProgress",
        "ExtractReport",
        "FramePlan",
        "JoinedFeatures",
        "Manifest",
        "SeenBy",
        "SignalFeatures",
        "Store",
        "StoredFeatures",
        "TensorFeatures",
        "VideoEntry",
        "View",
        "Workers",
        "check",
        "extract",
        "extract_sensor",
    ]
    assert all(hasattr(egoshift.features, name) for name in egoshift.features.__all__)
