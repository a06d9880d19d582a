"""Which of timm's networks can be trained and exported, at which sizes and channels, and what is said of the others.

    python benchmarks/backbones.py                                # one or more of each family
    python benchmarks/backbones.py --names resnet18,swin_tiny_patch4_window7_224 --sizes 64,96
    python benchmarks/backbones.py --sizes 224 --channels 3 --export

Each network is built without pretrained weights, and either takes a step of training and gives logits, map and embedding (with
`--export` also from its ONNX graph, in agreement with torch), or is refused in one line. Anything else counts as an error, and ends
the benchmark with exit status 1.
"""
import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch

from skinlesion.core import InputError
from skinlesion.models.export import ONNX_TOLERANCE, ExportGraph, export_onnx, map_error, parity, random_images
from skinlesion.models.registry import build_model

FAMILIES = """
vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vit_base_patch32_clip_224 vit_small_patch14_dinov2 vit_relpos_small_patch16_224
deit_tiny_patch16_224 deit_tiny_distilled_patch16_224 deit3_small_patch16_224 beit_base_patch16_224 eva02_tiny_patch14_224
swin_tiny_patch4_window7_224 swin_s3_tiny_224 swinv2_tiny_window8_256 swinv2_cr_tiny_ns_224 maxvit_rmlp_pico_rw_256
maxxvit_rmlp_nano_rw_256 coatnet_pico_rw_224 coatnext_nano_rw_224 crossvit_tiny_240 mvitv2_tiny pvt_v2_b0 cait_xxs24_224
xcit_nano_12_p16_224 levit_128s levit_conv_128s efficientformer_l1 efficientformerv2_s0 efficientvit_b0 efficientvit_m0
mobilevit_xxs mobilevitv2_050 convnext_atto convnextv2_atto inception_next_atto nfnet_l0 dm_nfnet_f0 regnetx_002 regnety_002
regnetz_b16 resnet18 resnet10t resnetv2_18 resnext50_32x4d resnest14d res2net50_26w_4s seresnet18 skresnet18 densenet121
inception_v3 inception_v4 inception_resnet_v2 xception41 legacy_xception vgg11 vgg11_bn hrnet_w18_small dla34 dla46_c dpn48b
dpn68 ghostnet_050 ghostnetv2_100 mobilenetv2_035 mobilenetv3_small_050 mobilenetv4_conv_small_035 mobilenetv4_hybrid_medium
mnasnet_small tinynet_e efficientnet_b0 efficientnet_lite0 tf_efficientnetv2_b0 fbnetc_100 lcnet_035 mixnet_s repvgg_a0
mobileone_s0 repghostnet_050 repvit_m0_9 tresnet_m hiera_tiny_224 hieradet_small volo_d1_224 twins_pcpvt_small twins_svt_small
poolformer_s12 poolformerv2_s12 convformer_s18 edgenext_xx_small fastvit_t8 mixer_s32_224 resmlp_12_224 gmlp_ti16_224
gmixer_12_224 sequencer2d_s focalnet_tiny_srf davit_tiny visformer_tiny nextvit_small starnet_s050 convmixer_768_32 coat_tiny
coat_lite_tiny convit_tiny pit_ti_224 pit_ti_distilled_224 tnt_s_patch16_224 nest_tiny gcvit_xxtiny cspresnet50 cs3darknet_s
botnet26t_256 halonet26t lambda_resnet26t rexnet_100 selecsls42 vovnet39a ese_vovnet19b_dw hgnetv2_b0 tiny_vit_5m_224
mambaout_femto rdnet_tiny shvit_s1 swiftformer_xs efficientvim_m1 samvit_base_patch16_224 vitamin_small_224 fasternet_t0
naflexvit_base_patch16_gap nasnetalarge pnasnet5large csatv2 sam2_hiera_tiny
"""


def try_backbone(arch, size, channels, export):
    "What becomes of `arch` on images of `size` pixels: (trained, refused or ERROR, and what there is to say)"
    try: model = build_model(arch, 3, channels, pretrained=False, size=size)
    except InputError as e: return 'refused', str(e)
    except Exception as e: return 'ERROR', f'while it is built: {type(e).__name__}: {e}'
    spec = model.input_spec
    images = random_images(2, spec, seed=0)
    try:
        loss = torch.nn.functional.cross_entropy(model.train()(images), torch.tensor([0, 2]))
        loss.backward()
        model.eval()
        with torch.no_grad(): logits, cam, embedding = ExportGraph(model)(images)
        shapes = tuple(logits.shape), tuple(cam.shape[:2]), tuple(embedding.shape)
        if shapes != ((2, 3), (2, 3), (2, model.get_classifier().in_features)) or spec.size != (size or spec.size):
            return 'ERROR', f'shapes {shapes} at {spec.size} pixels'
        text = f'map {cam.shape[2]} x {cam.shape[3]}, off by {map_error(model, spec):.0e}'
        if not export: return 'trained', text
        with tempfile.TemporaryDirectory() as tmp:
            file = Path(tmp)/'model.onnx'
            export_onnx(model, spec, file)
            difference = parity(model, spec, file)
    except InputError as e: return 'refused', f'LATE: {e}'
    except Exception as e: return 'ERROR', f'{type(e).__name__}: {str(e).strip().splitlines()[:1]}'
    kind = 'trained' if difference < ONNX_TOLERANCE else 'ERROR'
    return kind, f'{text}, graph within {difference:.0e}'

def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--names', help='networks of timm, with commas; one or more of each family if left out')
    parser.add_argument('--sizes', default='32,64,96,100,128,224', help='sides of the images, pixels; 0 is the one it was made for')
    parser.add_argument('--channels', default='3', help='1, 3, or both with a comma')
    parser.add_argument('--export', action='store_true', help='export each to ONNX too, and compare')
    return parser.parse_args()

def main():
    warnings.simplefilter('ignore')
    opts = options()
    names = opts.names.split(',') if opts.names else FAMILIES.split()
    counts = dict(trained=0, refused=0, ERROR=0)
    for arch in names:
        for size in map(int, opts.sizes.split(',')):
            for channels in map(int, opts.channels.split(',')):
                start = time.monotonic()
                kind, text = try_backbone(arch, size or None, channels, opts.export)
                counts[kind] += 1
                print(f'{kind}  {arch}  {size} px  {channels} channels  {time.monotonic()-start:.1f} s  {text}', flush=True)
    print(', '.join(f'{kind} {n}' for kind, n in counts.items()))
    sys.exit(1 if counts['ERROR'] else 0)


if __name__ == '__main__': main()
