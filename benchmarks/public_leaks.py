"""Which public sets share images with each other, and with their own test parts.

    python benchmarks/public_leaks.py --data FOLDER               # writes both tables of nbs/explain/12_public_leaks
    python benchmarks/public_leaks.py --data FOLDER --sheet DIR   # shows the pairs too, on sheets to look at
    python benchmarks/public_leaks.py --data FOLDER --lesions leave_out.csv

FOLDER holds one folder for each set (`SETS`); those that are missing are left out. Each set is searched for copies as
`skinlesion audit SET` does, and each two of them as `skinlesion audit SET --against OTHER` does. Where FOLDER has
`published_predictions` too, its list of test images is compared with the table of HAM10000 by the ids alone;
`--lesions` writes the images that are not on the list and show a lesion that is.
"""
import argparse
from itertools import combinations, combinations_with_replacement
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw

from skinlesion.core import replacing
from skinlesion.data.duplicates import find_duplicates
from skinlesion.data.scan import scan_images
from skinlesion.data.unlabelled import read_to_audit
from skinlesion.store.listing import relative_path

SETS = ('ham10000', 'malignant_vs_benign', 'xray')
LAST_OF_HAM10000 = 34320 # number of an image; those after it are of the test set of ISIC 2018, task 3
PAGES = Path(__file__).parent.parent/'nbs'/'explain' # where the tables are published
SIDES = ['set_1', 'part_1', 'set_2', 'part_2']


def read_set(data, name):
    "The images of a set: `set`, `part`, `file` (from the folder of the set), `label`, `group`, `path`"
    root = Path(data)/name
    table = read_to_audit(root).table.sort_values('path', ignore_index=True)
    part = table.split
    if name == 'ham10000':
        number = table.path.str.extract(r'ISIC_(\d+)', expand=False).astype(int)
        part = pd.Series('HAM10000', table.index).mask(number > LAST_OF_HAM10000, 'ISIC 2018 task 3 test')
    files = [relative_path(path, root) for path in table.path]
    return table[['path', 'label', 'group']].assign(set=name, part=part, file=files)

def side(images, rows, number):
    "The columns of a pair that say what is on one side of it"
    columns = ['set', 'part', 'file', 'label', 'group', 'path']
    named = images.loc[rows, columns].add_suffix(f'_{number}')
    return named.reset_index(drop=True)

def pairs_of(first, second):
    "Pairs of images that show the same, one of each set; of one set, pairs within it"
    scan = scan_images(first.path)
    other = None if second is first else scan_images(second.path)
    pairs = find_duplicates(scan, other)
    sides = [side(first, pairs.i, 1), side(second, pairs.j, 2)]
    return pd.concat([*sides, pairs[['kind', 'similarity']].reset_index(drop=True)], axis=1)

def parts_in_order(pairs):
    "`pairs`, those within a set turned so that their parts are in the order of the alphabet"
    is_turned = (pairs.set_1 == pairs.set_2) & (pairs.part_1 > pairs.part_2)
    other_side = {f'{name}_1': f'{name}_2' for name in ('set', 'part', 'file', 'label', 'group', 'path')}
    other_side |= {second: first for first,second in other_side.items()}
    turned = pairs[is_turned].rename(columns=other_side)
    return pd.concat([pairs[~is_turned], turned])[list(pairs)]

def all_pairs(sets):
    "The pairs of all `sets` (from `read_set`), with `same_id`: whether the set names one lesion or patient for both"
    found = [pairs_of(first, second) for first,second in combinations_with_replacement(sets, 2)]
    pairs = parts_in_order(pd.concat(found, ignore_index=True))
    pairs['similarity'] = pairs.similarity.round(2)
    is_named = (pairs.group_1 != pairs.path_1) & (pairs.group_2 != pairs.path_2) # without an id, the group is the path
    is_same = (pairs.group_1 == pairs.group_2).map({True: 'yes', False: 'no'})
    pairs['same_id'] = is_same.where(is_named & (pairs.set_1 == pairs.set_2), '')
    return pairs.sort_values([*SIDES, 'file_1', 'file_2'], ignore_index=True)

def count_by_part(sets, pairs):
    "Images and pairs of each two parts; zeros too, since that nothing is shared is a result"
    images = pd.concat(sets)
    sizes = images.groupby(['set', 'part']).size()
    rows = []
    for (set_1,part_1),(set_2,part_2) in combinations_with_replacement(sizes.index, 2):
        place = dict(set_1=set_1, part_1=part_1, set_2=set_2, part_2=part_2)
        is_here = (pairs[SIDES] == pd.Series(place)).all(axis=1)
        here = pairs[is_here]
        shared_1,shared_2 = set(here.file_1), set(here.file_2)
        if (set_1, part_1) == (set_2, part_2): shared_1 = shared_2 = shared_1 | shared_2
        rows.append(dict(
            by='image',
            **place,
            images_1=sizes[set_1, part_1],
            images_2=sizes[set_2, part_2],
            shared_1=len(shared_1),
            shared_2=len(shared_2),
            exact=(here.kind == 'exact').sum(),
            near=(here.kind == 'near').sum(),
        ))
    return rows

def id_row(by, first, second):
    "How many images of two parts have an id that the other part has too; `first` and `second`: set, part, ids"
    set_1,part_1,ids_1 = first
    set_2,part_2,ids_2 = second
    both = set(ids_1) & set(ids_2)
    return dict(
        by=by,
        set_1=set_1,
        part_1=part_1,
        set_2=set_2,
        part_2=part_2,
        images_1=len(ids_1),
        images_2=len(ids_2),
        shared_1=ids_1.isin(both).sum(),
        shared_2=ids_2.isin(both).sum(),
        ids=len(both),
    )

def repeated_row(by, part):
    "How many images of one part have an id that another image of it has too; `part`: set, part, ids"
    name,part_name,ids = part
    repeated = ids[ids.duplicated(keep=False)]
    row = id_row(by, part, part)
    return row | dict(shared_1=len(repeated), shared_2=len(repeated), ids=repeated.nunique())

PUBLISHED = 'published_predictions'

def test_list(data, name):
    "The names of the images of a published test list, without their ending"
    files = sorted((Path(data)/PUBLISHED/f'{name}_linear_probe').glob('*.csv'))
    lists = [pd.read_csv(file).filename for file in files if file.stem != 'classes']
    names = [column.str.extract(r'([^/]+)\.\w+$', expand=False) for column in lists]
    for other in names: assert set(other) == set(names[0]), 'the models were tested on different images'
    return names[0]

def listed_images(data):
    "The table of HAM10000 with `is_listed`: whether an image is on the published test list"
    table = pd.read_csv(Path(data)/PUBLISHED/'ham10000_metadata.csv')
    return table.assign(is_listed=table.image_id.isin(test_list(data, 'ham10000')))

def count_by_id(data, sets, pairs):
    "What ids alone say, and which images at hand are on the published test list, or show a lesion of it"
    table = listed_images(data)
    listed,others = table[table.is_listed], table[~table.is_listed]
    name = PUBLISHED, 'HAM10000 test list'
    pad_name = PUBLISHED, 'PAD-UFES-20 test list'
    pad = test_list(data, 'pad')
    pad_ids = pad.str.extract(r'(?P<lesion>PAT_(?P<patient>\d+)_\d+)')
    rows = [
        repeated_row('image id', (*name, listed.image_id)),
        repeated_row('lesion id', (*name, listed.lesion_id)),
        id_row('lesion id', (*name, listed.lesion_id), (PUBLISHED, 'HAM10000, not on the list', others.lesion_id)),
        repeated_row('image id', (*pad_name, pad)),
        repeated_row('lesion id', (*pad_name, pad_ids.lesion)),
        repeated_row('patient id', (*pad_name, pad_ids.patient)),
    ]
    lesion_of = table.set_index('image_id').lesion_id
    for images in sets:
        if images.set[0] == 'xray': continue
        if images.set[0] == 'ham10000':
            groups = [('ham10000', part, here.group) for part,here in images.groupby('part')]
            rows += [repeated_row('lesion id', group) for group in groups]
            rows += [id_row('lesion id', first, second) for first,second in combinations(groups, 2)]
        for part,here in images.groupby('part'):
            ids,by = ids_in_ham10000(here, pairs)
            place = images.set[0], part
            rows.append(id_row(f'image id{by}', (*name, listed.image_id), (*place, ids)))
            rows.append(id_row(f'lesion id{by}', (*name, listed.lesion_id), (*place, ids.map(lesion_of))))
    return rows

def ids_in_ham10000(images, pairs):
    "The image of HAM10000 that each of `images` shows, '' if none at hand; and whose id that is"
    if images.set.iloc[0] == 'ham10000': return images.file.map(lambda file: Path(file).stem), ''
    copies = pairs[(pairs.part_1 == 'HAM10000') & (pairs.set_2 == images.set.iloc[0])]
    original = {copy: Path(file).stem for copy,file in zip(copies.file_2, copies.file_1)}
    ids = [original.get(file, '') for file in images.file]
    return pd.Series(ids), ' of a copy'

SHEET_ROWS,SHEET_COLUMNS,SIDE = 6, 4, 200 # pairs, pairs, pixels of an image

def draw_sheets(pairs, out):
    "Draw the pairs next to each other, numbered by their row in the table, on sheets `1.png`, `2.png`, ... in `out`"
    Path(out).mkdir(parents=True, exist_ok=True)
    per_sheet = SHEET_ROWS*SHEET_COLUMNS
    for start in range(0, len(pairs), per_sheet):
        sheet = Image.new('RGB', (SHEET_COLUMNS*(2*SIDE+16), SHEET_ROWS*(SIDE+28)), 'white')
        draw = ImageDraw.Draw(sheet)
        for position,pair in enumerate(pairs[start:start+per_sheet].itertuples()):
            row,column = divmod(position, SHEET_COLUMNS)
            x,y = column*(2*SIDE+16), row*(SIDE+28)
            for path,left in ((pair.path_1, x), (pair.path_2, x+SIDE)):
                sheet.paste(Image.open(path).convert('RGB').resize((SIDE, SIDE)), (left, y+26))
            name_1,name_2 = Path(pair.file_1).name, Path(pair.file_2).name
            first = f'{pair.Index} {pair.kind} {pair.similarity:.2f} {name_1} ({pair.label_1})'
            second = f'{pair.part_1} - {pair.part_2}: {name_2} ({pair.label_2})'
            draw.text((x+2, y), first, 'black')
            draw.text((x+2, y+12), second, 'black')
        sheet.save(Path(out)/f'{start//per_sheet + 1}.png')

def save_table(table, file):
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(file)) as temporary: table.to_csv(temporary, index=False)
    print(f'{file}: {len(table)} rows')

def measure(data, out, sheet, lesions):
    sets = [read_set(data, name) for name in SETS if (Path(data)/name).is_dir()]
    pairs = all_pairs(sets)
    rows = count_by_part(sets, pairs)
    if (Path(data)/PUBLISHED).is_dir(): rows += count_by_id(data, sets, pairs)
    counts = pd.DataFrame(rows)
    numbers = ['exact', 'near', 'ids']
    counts[numbers] = counts[numbers].astype('Int64') # whole numbers, empty where they do not apply
    columns = [f'{name}_{number}' for number in (1, 2) for name in ('set', 'part', 'file', 'label')]
    save_table(pairs[[*columns, 'kind', 'similarity', 'same_id']], out/'public_leaks.csv')
    save_table(counts, out/'public_leaks_counts.csv')
    if sheet: draw_sheets(pairs, sheet)
    if lesions:
        table = listed_images(data)
        is_of_listed = table.lesion_id.isin(table.lesion_id[table.is_listed])
        save_table(table[is_of_listed & ~table.is_listed][['image_id', 'lesion_id']], lesions)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='folder with a folder for each set')
    parser.add_argument('--out', type=Path, default=PAGES, help='folder of the two tables')
    parser.add_argument('--sheet', help='folder to draw the pairs into, 24 on a sheet')
    parser.add_argument('--lesions', help='csv of images of HAM10000 that show a lesion of the published test list')
    options = parser.parse_args()
    if options.data: measure(options.data, options.out, options.sheet, options.lesions)
    else: print('nothing is compared without --data, a folder of public sets')


if __name__ == '__main__': main()
