//! Faces and contracts on the wire.

use super::{WireError, digest, digest_bytes, fraction, pack_name, proto, required};
use crate::{
    BBox, Embedding, Face, FaceAnalysis, FaceContract, FaceEmbedding, GenderAges, LandmarksContract,
    PixelDigest,
    face::{Keypoints, LANDMARKS_68, LANDMARKS_106},
};

impl From<&FaceContract> for proto::FaceContract {
    fn from(contract: &FaceContract) -> Self {
        Self {
            detector_sha256: digest_bytes(&contract.detector),
            recogniser_sha256: digest_bytes(&contract.recogniser),
            det_size: contract.det_size,
            preprocessing_version: contract.preprocessing,
        }
    }
}

impl TryFrom<&proto::FaceContract> for FaceContract {
    type Error = WireError;

    fn try_from(message: &proto::FaceContract) -> Result<Self, WireError> {
        Ok(Self {
            detector: digest(&message.detector_sha256, "detector_sha256")?,
            recogniser: digest(&message.recogniser_sha256, "recogniser_sha256")?,
            det_size: message.det_size,
            preprocessing: message.preprocessing_version,
        })
    }
}

impl From<&LandmarksContract> for proto::LandmarksContract {
    fn from(contract: &LandmarksContract) -> Self {
        Self {
            detector_sha256: digest_bytes(&contract.detector),
            landmarks_106_sha256: digest_bytes(&contract.landmarks_106),
            landmarks_68_sha256: digest_bytes(&contract.landmarks_68),
            det_size: contract.det_size,
            preprocessing_version: contract.preprocessing,
        }
    }
}

impl TryFrom<&proto::LandmarksContract> for LandmarksContract {
    type Error = WireError;

    fn try_from(message: &proto::LandmarksContract) -> Result<Self, WireError> {
        Ok(Self {
            detector: digest(&message.detector_sha256, "detector_sha256")?,
            landmarks_106: digest(&message.landmarks_106_sha256, "landmarks_106_sha256")?,
            landmarks_68: digest(&message.landmarks_68_sha256, "landmarks_68_sha256")?,
            det_size: message.det_size,
            preprocessing: message.preprocessing_version,
        })
    }
}

impl From<&FaceAnalysis> for proto::FaceAnalysis {
    fn from(analysis: &FaceAnalysis) -> Self {
        Self {
            contract: Some((&analysis.contract).into()),
            landmarks_contract: Some((&analysis.landmarks_contract).into()),
            width: analysis.width,
            height: analysis.height,
            faces: analysis.faces.iter().map(Into::into).collect(),
            pack: analysis.pack.clone(),
            gender_age: analysis.gender_age.as_ref().map(|estimates| Box::new((&**estimates).into())),
            pixels: analysis.pixels.map(Into::into),
        }
    }
}

impl TryFrom<&proto::FaceAnalysis> for FaceAnalysis {
    type Error = WireError;

    fn try_from(message: &proto::FaceAnalysis) -> Result<Self, WireError> {
        let faces: Vec<Face> = message.faces.iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        let gender_age: Option<GenderAges> =
            message.gender_age.as_deref().map(TryInto::try_into).transpose()?;
        if let Some(GenderAges { faces: estimates, .. }) = &gender_age
            && estimates.len() != faces.len()
        {
            let (expected, found) = (faces.len(), estimates.len());
            return Err(WireError::Length { field: "gender_age", expected, found });
        }
        Ok(Self {
            pack: pack_name(&message.pack)?,
            contract: required(message.contract.as_ref(), "contract")?.try_into()?,
            landmarks_contract: required(message.landmarks_contract.as_ref(), "landmarks_contract")?
                .try_into()?,
            width: message.width,
            height: message.height,
            faces,
            gender_age: gender_age.map(Box::new),
            pixels: message.pixels.as_ref().map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<PixelDigest> for proto::PixelDigest {
    fn from(pixels: PixelDigest) -> Self {
        Self { version: pixels.version, digest: pixels.digest.to_vec().into() }
    }
}

impl TryFrom<&proto::PixelDigest> for PixelDigest {
    type Error = WireError;

    fn try_from(message: &proto::PixelDigest) -> Result<Self, WireError> {
        let (expected, found) = (16, message.digest.len());
        let digest = message.digest[..].try_into();
        let digest = digest.map_err(|_| WireError::Length { field: "pixels", expected, found })?;
        Ok(Self { version: message.version, digest })
    }
}

impl From<&Face> for proto::Face {
    fn from(face: &Face) -> Self {
        Self {
            bbox: face.bbox.corners().to_vec(),
            det_score: face.det_score,
            keypoints: face.keypoints.as_flattened().to_vec(),
            embedding: face.embedding.unit.as_slice().to_vec(),
            embedding_norm: face.embedding.norm,
            landmarks_106: face.landmarks_106.as_flattened().to_vec(),
            landmarks_68: face.landmarks_68.as_flattened().to_vec(),
            blur: face.blur,
        }
    }
}

impl TryFrom<&proto::Face> for Face {
    type Error = WireError;

    fn try_from(message: &proto::Face) -> Result<Self, WireError> {
        let keypoints: Keypoints = points(&message.keypoints, 5, "keypoints")?
            .try_into()
            .map_err(|_| WireError::Missing("keypoints"))?;
        let [corners]: [[f32; 4]; 1] =
            points(&message.bbox, 1, "bbox")?.try_into().map_err(|_| WireError::Missing("bbox"))?;
        if !(message.embedding_norm.is_finite() && message.embedding_norm > 0.0) {
            let value = message.embedding_norm.into();
            return Err(WireError::Range { field: "embedding_norm", value });
        }
        if !(message.blur.is_finite() && message.blur >= 0.0) {
            return Err(WireError::Range { field: "blur", value: message.blur.into() });
        }
        Ok(Self {
            bbox: BBox::new(corners)?,
            det_score: fraction(message.det_score, "det_score")?,
            keypoints,
            embedding: FaceEmbedding {
                unit: Embedding::from_unit(message.embedding.clone())?,
                norm: message.embedding_norm,
            },
            landmarks_106: points(&message.landmarks_106, LANDMARKS_106, "landmarks_106")?,
            landmarks_68: points(&message.landmarks_68, LANDMARKS_68, "landmarks_68")?,
            blur: message.blur,
        })
    }
}

/// `count` points of `N` finite coordinates each.
fn points<const N: usize>(
    values: &[f32],
    count: usize,
    field: &'static str,
) -> Result<Vec<[f32; N]>, WireError> {
    if values.len() != count * N {
        return Err(WireError::Length { field, expected: count * N, found: values.len() });
    }
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(WireError::Range { field, value: (*value).into() });
    }
    Ok(values.as_chunks::<N>().0.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{EMBEDDING_LEN, GenderAge, GenderAgeContract, Sha256Digest};

    fn any_digest() -> impl Strategy<Value = Sha256Digest> {
        any::<[u8; 32]>().prop_map(Into::into)
    }

    fn coordinates<const N: usize>(count: usize) -> impl Strategy<Value = Vec<[f32; N]>> {
        prop::collection::vec(prop::array::uniform(-100.0f32..5000.0), count)
    }

    fn any_face() -> impl Strategy<Value = Face> {
        (
            (-50.0f32..500.0, -50.0f32..500.0, 1.0f32..400.0, 1.0f32..400.0),
            0.01f32..=1.0,
            coordinates::<2>(5),
            prop::collection::vec(0.1f32..9.0, EMBEDDING_LEN),
            coordinates::<2>(LANDMARKS_106),
            coordinates::<3>(LANDMARKS_68),
            0.0f32..1e4,
        )
            .prop_map(
                |((x, y, w, h), det_score, keypoints, raw, landmarks_106, landmarks_68, blur)| Face {
                    bbox: BBox::new([x, y, x + w, y + h]).unwrap(),
                    det_score,
                    keypoints: keypoints.try_into().unwrap(),
                    embedding: FaceEmbedding::from_raw(&raw).unwrap(),
                    landmarks_106,
                    landmarks_68,
                    blur,
                },
            )
    }

    fn any_analysis() -> impl Strategy<Value = FaceAnalysis> {
        let faces = prop::collection::vec((any_face(), prop::array::uniform3(-9.0f32..9.0)), 0..4);
        let pixels = any::<Option<[u8; 16]>>();
        (prop::array::uniform4(any_digest()), any::<[u32; 4]>(), faces, any::<bool>(), pixels).prop_map(
            |(
                [detector, recogniser, l106, l68],
                [det_size, preprocessing, width, height],
                faces,
                asked,
                pixels,
            )| {
                let (faces, estimates): (Vec<_>, Vec<_>) = faces.into_iter().unzip();
                let estimates =
                    estimates.into_iter().map(|[female, male, age]| GenderAge { female, male, age });
                let contract = GenderAgeContract { detector, gender_age: l106, det_size, preprocessing };
                let gender_age = asked.then(|| Box::new(GenderAges { contract, faces: estimates.collect() }));
                FaceAnalysis {
                    pack: "open".to_owned(),
                    contract: FaceContract { detector, recogniser, det_size, preprocessing },
                    landmarks_contract: LandmarksContract {
                        detector,
                        landmarks_106: l106,
                        landmarks_68: l68,
                        det_size,
                        preprocessing,
                    },
                    width,
                    height,
                    faces,
                    gender_age,
                    pixels: pixels.map(|digest| PixelDigest { version: width, digest }),
                }
            },
        )
    }

    #[test]
    fn a_digest_of_pixels_of_another_length_is_refused() {
        for len in [0, 15, 17] {
            let message = proto::PixelDigest { version: 1, digest: vec![7; len].into() };
            let error = PixelDigest::try_from(&message).unwrap_err();
            assert_eq!(error, WireError::Length { field: "pixels", expected: 16, found: len });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn an_analysis_survives_the_wire_bit_for_bit(analysis in any_analysis()) {
            use prost::Message as _;
            let bytes = proto::FaceAnalysis::from(&analysis).encode_to_vec();
            let message = proto::FaceAnalysis::decode(&bytes[..]).unwrap();
            prop_assert_eq!(FaceAnalysis::try_from(&message).unwrap(), analysis);
        }

        #[test]
        fn estimates_that_are_not_one_a_face_or_no_numbers_are_refused(
            analysis in any_analysis().prop_filter("with estimates", |a| a.gender_age.is_some() && !a.faces.is_empty()),
            which in 0usize..4,
        ) {
            let mut message = proto::FaceAnalysis::from(&analysis);
            let estimates = message.gender_age.as_mut().unwrap();
            match which {
                0 => { estimates.faces.pop(); }
                1 => estimates.faces.push(estimates.faces[0]),
                2 => estimates.faces[0].age = f32::NAN,
                _ => estimates.contract = None,
            }
            prop_assert!(FaceAnalysis::try_from(&message).is_err());
        }

        #[test]
        fn a_face_with_any_field_spoilt_is_refused(face in any_face(), which in 0usize..8) {
            let mut message = proto::Face::from(&face);
            match which {
                0 => message.bbox[2] = message.bbox[0],
                1 => message.det_score = 0.0,
                2 => message.keypoints[3] = f32::INFINITY,
                3 => message.embedding[9] = f32::NAN,
                4 => message.embedding_norm = -1.0,
                5 => { message.landmarks_106.pop(); }
                6 => message.landmarks_68.push(1.0),
                _ => message.blur = f32::NAN,
            }
            prop_assert!(Face::try_from(&message).is_err());
        }
    }
}
