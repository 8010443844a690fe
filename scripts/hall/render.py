# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Draw the lit solids with MuJoCo's renderer: colour, metric depth, and which pixels are the mover.

The pictures on the faces hold the light already, so the renderer only has to rasterise. Colour is
drawn larger and averaged, each pixel over those samples alone that lie on the surface its depth
is of: no pixel mixes fore- and background, which a camera that moves would tear apart.
"""

from __future__ import annotations

from collections.abc import Sequence
import os
from typing import Any

from hall.bake import expose, LitFace, paint_face
from hall.faces import mesh_of
from hall.world import F64
from inspatio_ros.contracts import F32, Intrinsics, U8
import numpy as np

_PAGE = 8192  # pixels; the largest texture
_RIM = 8      # pixels of each picture's rim repeated around it, for the smaller mip levels
NEAR_M, FAR_M = 0.05, 40.0
_GROUP_HALL, _GROUP_MOVER = 1, 2


def import_mujoco() -> Any:
    """
    Import MuJoCo with a software renderer unless another one is asked for.

    :raises SystemExit: it is not installed, or cannot draw; says what to install.
    """
    os.environ.setdefault('MUJOCO_GL', 'osmesa')
    os.environ.setdefault('PYOPENGL_PLATFORM', os.environ['MUJOCO_GL'])
    try:
        import mujoco
        import mujoco.rendering  # noqa: F401
        gl = mujoco.GLContext(16, 16)
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        raise SystemExit(
            f'cannot draw: {type(error).__name__}: {error}\n'
            'This script needs MuJoCo and an off-screen OpenGL:\n'
            "    pip install 'mujoco>=3.2' PyOpenGL\n"
            '    sudo apt install libosmesa6        # or MUJOCO_GL=egl with a GPU') from error
    gl.free()
    return mujoco


class Atlas:
    """Pictures side by side on large pages."""

    def __init__(self) -> None:
        self.pages: list[U8] = []
        self.places: list[tuple[int, int, int, int, int]] = []  # page, x, y, width, height

    @staticmethod
    def pack(pictures: Sequence[U8]) -> Atlas:
        """Return the pictures in rows, the tallest first."""
        atlas = Atlas()
        atlas.places = [(0, 0, 0, 0, 0)] * len(pictures)
        order = sorted(range(len(pictures)), key=lambda i: (-pictures[i].shape[0], i))
        page, x, y, tall = 0, 0, 0, 0
        for i in order:
            h, w = (s + 2 * _RIM for s in pictures[i].shape[:2])
            if x + w > _PAGE:
                x, y, tall = 0, y + tall, 0
            if y + h > _PAGE:
                page, x, y, tall = page + 1, 0, 0, 0
            atlas.places[i] = (page, x + _RIM, y + _RIM, w - 2 * _RIM, h - 2 * _RIM)
            x, tall = x + w, max(tall, h)
        for number in range(page + 1):
            rows = max(p[2] + p[4] + _RIM for p in atlas.places if p[0] == number)
            atlas.pages.append(np.zeros((rows, _PAGE, 3), np.uint8))
        for picture, place in zip(pictures, atlas.places, strict=True):
            atlas.put(picture, place)
        return atlas

    def put(self, picture: U8, place: tuple[int, int, int, int, int]) -> None:
        """Copy a picture to its place, with its rim repeated around."""
        page, x, y, w, h = place
        padded = np.pad(picture, ((_RIM, _RIM), (_RIM, _RIM), (0, 0)), mode='edge')
        self.pages[page][y - _RIM:y + h + _RIM, x - _RIM:x + w + _RIM] = padded

    def uv(self, i: int, uv: F64) -> F64:
        """Return where the (N, 2) u, v of a picture are on its page."""
        page, x, y, w, h = self.places[i]
        rows = self.pages[page].shape[0]
        return (np.array([x, y]) + uv * np.array([w, h])) / np.array([_PAGE, rows])


class Renderer:
    """The hall and its mover, ready to be drawn."""

    def __init__(self, lit: Sequence[LitFace], pictures: Sequence[U8],
                 mover: Sequence[LitFace]) -> None:
        """
        Hand everything to MuJoCo.

        :param lit, pictures: the faces of the hall that anybody can see.
        :param mover: the faces of the moving box, which stands where it is drawn first.
        """
        self._mujoco = import_mujoco()
        mj = self._mujoco
        spec = mj.MjSpec()
        for part in ('ambient', 'diffuse', 'specular'):
            setattr(spec.visual.headlight, part, [0.0, 0.0, 0.0])
        spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M
        spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, 0.0]
        spec.visual.quality.offsamples = 0
        spec.visual.global_.offwidth = spec.visual.global_.offheight = 4096
        atlas = Atlas.pack(pictures)
        for page in range(len(atlas.pages)):
            members = [i for i, place in enumerate(atlas.places) if place[0] == page]
            self._add(spec, f'hall_{page}', atlas, page, [(i, lit[i]) for i in members],
                      np.zeros(3), _GROUP_HALL)
        self._albedo = [paint_face(face.face) for face in mover]
        self._mover_atlas = Atlas.pack([expose(a, m) for a, m
                                        in zip(self._albedo, mover, strict=True)])
        self._home = np.array(mover[0].face.solid.centre)
        self._add(spec, 'mover', self._mover_atlas, 0, list(enumerate(mover)), self._home,
                  _GROUP_MOVER)
        self._camera = spec.worldbody.add_camera(name='camera')
        self._model = spec.compile()
        self._data = mj.MjData(self._model)
        self._options = mj.MjvOption()
        self._renderers: dict[tuple[int, int], Any] = {}

    def _add(self, spec: Any, name: str, atlas: Atlas, page: int,
             members: Sequence[tuple[int, LitFace]], origin: F64, group: int) -> None:
        """Add one mesh with one texture."""
        mj = self._mujoco
        image = atlas.pages[page]
        texture = spec.add_texture(name=name, type=mj.mjtTexture.mjTEXTURE_2D, nchannel=3,
                                   width=image.shape[1], height=image.shape[0])
        texture.data = image.tobytes()
        material = spec.add_material(name=name, emission=1.0, specular=0.0, shininess=0.0)
        material.textures[mj.mjtTextureRole.mjTEXROLE_RGB] = name
        corners, uvs, triangles, count = [], [], [], 0
        for i, lit in members:
            xyz, uv, faces = mesh_of(lit.face)
            corners.append(xyz - origin)
            uvs.append(atlas.uv(i, uv))
            triangles.append(faces + count)
            count += len(xyz)
        indices = np.concatenate(triangles).ravel()
        spec.add_mesh(name=name, uservert=np.concatenate(corners).ravel(), userface=indices,
                      usertexcoord=np.concatenate(uvs).ravel(), userfacetexcoord=indices,
                      inertia=mj.mjtMeshInertia.mjMESH_INERTIA_SHELL)
        body = spec.worldbody
        if group == _GROUP_MOVER:
            body = spec.worldbody.add_body(name=name, pos=origin, mocap=True)
        body.add_geom(name=name, type=mj.mjtGeom.mjGEOM_MESH, meshname=name, material=name,
                      contype=0, conaffinity=0, group=group)

    def place_mover(self, lit: Sequence[LitFace]) -> None:
        """Put the moving box where these faces of it are, with this light on it."""
        centre = np.asarray(lit[0].face.solid.centre)
        self._data.mocap_pos[0] = centre
        for albedo, face, place in zip(self._albedo, lit, self._mover_atlas.places, strict=True):
            self._mover_atlas.put(expose(albedo, face), place)
        texture = self._model.tex('mover').id
        start = self._model.tex_adr[texture]
        flat = self._mover_atlas.pages[0].ravel()
        self._model.tex_data[start:start + len(flat)] = flat
        for renderer in self._renderers.values():
            renderer._gl_context.make_current()
            self._mujoco.mjr_uploadTexture(self._model, renderer._mjr_context, texture)

    def _renderer(self, width: int, height: int) -> Any:
        if (width, height) not in self._renderers:
            self._renderers[width, height] = self._mujoco.Renderer(self._model, height, width)
        return self._renderers[width, height]

    def _draw(self, width: int, height: int, depth: bool) -> np.ndarray:
        renderer = self._renderer(width, height)
        renderer.update_scene(self._data, 'camera', scene_option=self._options)
        if depth:
            renderer.enable_depth_rendering()
            image = renderer.render().copy()
            renderer.disable_depth_rendering()
            return image
        return renderer.render().copy()

    def _aim(self, intrinsics: Intrinsics, T_map_cam: F64) -> None:
        """Set the camera; its principal point is the middle of the image."""
        middle = (0.5 * (intrinsics.width - 1), 0.5 * (intrinsics.height - 1))
        assert intrinsics.fx == intrinsics.fy and (intrinsics.cx, intrinsics.cy) == middle
        # MuJoCo's cameras look along -z with y up.
        R = T_map_cam[:3, :3] @ np.diag([1.0, -1.0, -1.0])
        quat = np.zeros(4)
        self._mujoco.mju_mat2Quat(quat, R.ravel())
        self._model.cam_pos[0], self._model.cam_quat[0] = T_map_cam[:3, 3], quat
        fovy = 2.0 * np.degrees(np.arctan(0.5 * intrinsics.height / intrinsics.fy))
        self._model.cam_fovy[0] = fovy
        self._mujoco.mj_forward(self._model, self._data)

    def view(self, intrinsics: Intrinsics, T_map_cam: F64, mover: bool = False,
             finer: int = 4, area: bool = False) -> tuple[U8, F32]:
        """
        Draw what a camera sees.

        :param mover: whether the moving box is there.
        :param finer: samples per pixel along x and along y.
        :param area: average over all samples of a pixel, as a real camera does, not over those of
            its own surface alone.
        :returns: (H, W, 3) uint8 and (H, W) float32 metres along the optical z axis.
        """
        self._aim(intrinsics, T_map_cam)
        self._options.geomgroup[_GROUP_HALL] = 1
        self._options.geomgroup[_GROUP_MOVER] = int(mover)
        w, h = intrinsics.width, intrinsics.height
        depth = self._draw(w, h, depth=True)
        fine = self._draw(w * finer, h * finer, depth=False)
        if area:
            weight = np.ones((h * finer, w * finer), np.float32)
        else:
            weight = _own_surface(self._draw(w * finer, h * finer, depth=True), depth, finer)
        return _average(fine, weight, finer), depth

    def mover_view(self, intrinsics: Intrinsics, T_map_cam: F64,
                   finer: int = 4) -> tuple[U8, F32]:
        """
        Draw the pixels of the moving box alone, hidden where the hall hides it.

        :returns: (H, W, 3) uint8 and (H, W) float32, NaN where the box is not seen.
        """
        rgb, depth = self.view(intrinsics, T_map_cam, mover=True, finer=finer)
        renderer = self._renderer(intrinsics.width, intrinsics.height)
        renderer.update_scene(self._data, 'camera', scene_option=self._options)
        renderer.enable_segmentation_rendering()
        ids = renderer.render()[..., 0].copy()
        renderer.disable_segmentation_rendering()
        mask = ids == self._model.geom('mover').id
        return np.where(mask[..., None], rgb, 0).astype(np.uint8), np.where(
            mask, depth, np.float32(np.nan)).astype(np.float32)

    def close(self) -> None:
        """Free what MuJoCo holds."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()


def _own_surface(fine: F32, depth: F32, finer: int) -> F32:
    """
    Say which samples lie on the surface that the middle of their pixel shows.

    Surfaces are told apart by inverse depth, which is linear over the image of a plane: a sample
    belongs if it is where the pixel and its neighbours say that a plane would be.
    """
    inverse = 1.0 / depth
    padded = np.pad(inverse, 1, mode='edge')
    left, right = inverse - padded[1:-1, :-2], padded[1:-1, 2:] - inverse
    above, below = inverse - padded[:-2, 1:-1], padded[2:, 1:-1] - inverse
    slope_u = np.where(np.abs(left) < np.abs(right), left, right)
    slope_v = np.where(np.abs(above) < np.abs(below), above, below)
    step = (np.arange(finer) + 0.5) / finer - 0.5
    h, w = depth.shape
    blocks = (1.0 / fine).reshape(h, finer, w, finer)
    plane = (inverse[:, None, :, None] + slope_u[:, None, :, None] * step[None, None, None, :]
             + slope_v[:, None, :, None] * step[None, :, None, None])
    off = np.abs(blocks - plane) / inverse[:, None, :, None]
    weight = (off < 0.01).astype(np.float32)
    nothing = weight.sum(axis=(1, 3)) == 0.0  # a sliver thinner than a sample
    weight += nothing[:, None, :, None]
    return weight.reshape(h * finer, w * finer)


def _average(fine: U8, weight: F32, finer: int) -> U8:
    h, w = fine.shape[0] // finer, fine.shape[1] // finer
    blocks = (fine.astype(np.float32) * weight[..., None]).reshape(h, finer, w, finer, 3)
    total = weight.reshape(h, finer, w, finer).sum(axis=(1, 3))
    return np.clip(blocks.sum(axis=(1, 3)) / total[..., None] + 0.5, 0, 255).astype(np.uint8)
